/**
 * The kinds of fields that a record can have. A field holds a type and the name of its form, and no
 * code: each layer (journal, messages between threads, …) has its own table from form to code, in
 * `scripts/generate/`. So a thread that only sends messages never loads the code for PostgreSQL.
 *
 * To add a form, add a member to `Form`. The tables do not compile until each has an entry for it.
 */
import type { BatchContent } from './batch-content.js';
import type { BookId, Seq } from './ids.js';

export type Form =
  | 'text'
  | 'textOrNull'
  /** Id of a coupon book. */
  | 'bookId'
  /** The text of a coupon code: ASCII that needs no escape in JSON. */
  | 'code'
  /**
   * Id of a user. Every field that names a person has the form `subject` or `caller`, so that one
   * line per layer decides how persons are stored.
   */
  | 'subject'
  /** The authenticated sender of a request: the id of a user, or the name of a service. */
  | 'caller'
  /** Id of a redemption: a UUID. */
  | 'redemptionId'
  /** Sequence of an event in its shard. */
  | 'seq'
  /** A whole number from 0 to 2^53 - 1. */
  | 'integer'
  | 'integerOrNull'
  /** A whole number from 0 to 2^31 - 1. */
  | 'count'
  | 'countOrNull'
  /** Unix ms, near the time of the change. The journal stores the difference to that time. */
  | 'time'
  /** Unix ms, at any distance from the time of the change. */
  | 'instant'
  | 'instantOrNull'
  | 'boolean'
  /** One of two words. */
  | 'choice'
  /** An object from a caller, kept unchanged as JSON. */
  | 'json'
  | 'jsonOrNull'
  /** Another record. */
  | 'record'
  | 'batchContent'
  /** A value that only travels between threads of the process. It is never stored. */
  | 'object';

declare const valueType: unique symbol;

export interface Field<out Value = unknown> {
  readonly form: Form;
  /** Its name in the JSON of an answer; null: the name that it has in the record. */
  readonly shownAs: string | null;
  /** The two words, if the form is `choice`. */
  readonly choices: readonly [string, string] | null;
  /** The other record, if the form is `record`. */
  readonly of: RecordDeclaration | null;
  /** The same field with another name in the JSON of an answer. */
  as(shownAs: string): Field<Value>;
  /** Exists for the type checker only. */
  readonly [valueType]: Value;
}

export type Fields = Readonly<Record<string, Field>>;

export type ValueOf<F> = F extends Field<infer Value> ? Value : never;

/** The value of a record with these fields. */
export type ValuesOf<F extends Fields> = { readonly [Name in keyof F]: ValueOf<F[Name]> };

/** A record that is a field of other records, such as a book. */
export interface RecordDeclaration<F extends Fields = Fields> {
  readonly name: string;
  readonly fields: F;
  /** The order of the fields in the journal; null: the order of the declaration. */
  readonly journalOrder: readonly string[] | null;
}

export function record<const F extends Fields>(
  name: string,
  fields: F,
  { journalOrder = null }: { readonly journalOrder?: readonly (keyof F & string)[] | null } = {},
): RecordDeclaration<F> {
  return { name, fields, journalOrder };
}

function field<Value>(
  form: Form,
  { shownAs = null, choices = null, of = null }: Partial<Pick<Field, 'shownAs' | 'choices' | 'of'>> = {},
): Field<Value> {
  const made = { form, shownAs, choices, of, as: (name: string) => field<Value>(form, { shownAs: name, choices, of }) };
  return made as Field<Value>;
}

type JsonObject = Readonly<Record<string, unknown>>;

export const text = () => field<string>('text');
export const textOrNull = () => field<string | null>('textOrNull');
export const bookId = () => field<BookId>('bookId');
export const code = () => field<string>('code');
export const subject = () => field<string>('subject');
export const caller = () => field<string>('caller');
export const redemptionId = () => field<string>('redemptionId');
export const seq = () => field<Seq>('seq');
export const integer = () => field<number>('integer');
export const integerOrNull = () => field<number | null>('integerOrNull');
export const count = () => field<number>('count');
export const countOrNull = () => field<number | null>('countOrNull');
export const time = () => field<number>('time');
export const instant = () => field<number>('instant');
export const instantOrNull = () => field<number | null>('instantOrNull');
export const boolean = () => field<boolean>('boolean');
export const choice = <const First extends string, const Second extends string>(first: First, second: Second) =>
  field<First | Second>('choice', { choices: [first, second] });
export const json = () => field<JsonObject>('json');
export const jsonOrNull = () => field<JsonObject | null>('jsonOrNull');
export const recordOf = <F extends Fields>(of: RecordDeclaration<F>) => field<ValuesOf<F>>('record', { of });
export const batchContent = () => field<BatchContent>('batchContent');
export const object = <Value>() => field<Value>('object');
