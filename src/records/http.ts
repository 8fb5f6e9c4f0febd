/**
 * How a command is called over HTTP, and what the description of the API says about it. `npm run
 * generate` writes the route, its schemas and its examples from this. Only names and limits stand
 * here: zod is loaded by HTTP threads alone.
 *
 * What follows from the command is not declared again:
 *
 *     a parameter of the path    is the field of the command with its name
 *     a field that can be null   may be left out of the body
 *     `userId` in the body       has to be the caller's own id, if its role is `user`
 *     problems                   the refusals of the command, in their order
 *     the answer                 the fields of the outcome
 */
import type { Fields } from './fields.js';

export interface HttpOptions<F extends Fields = Fields> {
  /** The operation id of the description; the kind of the command unless told. */
  readonly id?: string;
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Which roles may call it. */
  readonly may: 'anyRole' | 'adminOrService';
  /** The fields of the body by their names in JSON. */
  readonly body: Readonly<Record<string, BodyField<F>>>;
  /** The title of the body's schema. */
  readonly title: string;
  /** What a success answers, in a few words. */
  readonly answer: string;
  readonly examples: {
    /** Bodies by a short name. */
    readonly bodies: HttpExamples;
    /** Answers by a short name. */
    readonly answers: HttpExamples;
  };
}

/** The schema of the field follows from the form of the command's field; this says the rest. */
export interface BodyField<F extends Fields = Fields> {
  /** The field of the command that it becomes; the one of the same name unless told. */
  readonly field?: keyof F & string;
  /** The command has milliseconds, the caller sends seconds. */
  readonly unit?: 'seconds';
  /** Of a number. */
  readonly min?: number;
  /** Of a number, or of the characters of a text. */
  readonly max?: number;
  /** What the description says about it, if the form does not say it. */
  readonly description?: string;
}

/** `value` is JSON. story.ts has the names that all examples share. */
export type HttpExamples = Readonly<Record<string, { readonly summary: string; readonly value: object }>>;
