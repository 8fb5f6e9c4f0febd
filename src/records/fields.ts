/**
 * The kinds of fields that a record can have. A field holds the name of its form, and no code: each
 * layer (types, journal, messages between threads, …) has its own table from form to code, in
 * `scripts/generate/`. So a thread that only sends messages never loads the code for PostgreSQL.
 *
 * To add a form, add a member to `Form`. The tables do not compile until each has an entry for it.
 */
export type Form =
  | 'text'
  | 'textOrNull'
  /** Id of a coupon book. */
  | 'bookId'
  /** What a change belongs to: the id of a book or of a campaign. */
  | 'scopeId'
  | 'campaignId'
  /** The text of a coupon code: ASCII that needs no escape in JSON. */
  | 'code'
  /**
   * Id of a user. Every field that names a person has the form `subject` or `caller`, so that one
   * line per layer decides how persons are stored.
   */
  | 'subject'
  | 'subjectOrNull'
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
  /** An object, kept unchanged as JSON. */
  | 'json'
  | 'jsonOrNull'
  /** Another record. */
  | 'record'
  | 'batchContent'
  /** A value that only travels between threads of the process. It is never stored. */
  | 'object';

export interface Field {
  readonly form: Form;
  /** Its name in the JSON of an answer; null: the name that it has in the record. */
  readonly shownAs: string | null;
  /** The two words, if the form is `choice`. */
  readonly choices: readonly [string, string] | null;
  /** The other record, if the form is `record`. */
  readonly of: RecordDeclaration | null;
  /** The TypeScript type, if the form is `object`, or `json` of a known shape. */
  readonly type: string | null;
  /** Its value may be drawn for the request, and an answer to a dry run shows null then. */
  readonly isDrawn: boolean;
  /** The same field with another name in the JSON of an answer. */
  as(shownAs: string): Field;
  /** The same field, drawn. */
  drawn(): Field;
}

export type Fields = Readonly<Record<string, Field>>;

/** A record that is a field of other records, such as a book. */
export interface RecordDeclaration<F extends Fields = Fields> {
  readonly declares: 'record';
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
  return { declares: 'record', name, fields, journalOrder };
}

type Details = Pick<Field, 'shownAs' | 'choices' | 'of' | 'type' | 'isDrawn'>;

function field(form: Form, details: Partial<Details> = {}): Field {
  const whole: Details = { shownAs: null, choices: null, of: null, type: null, isDrawn: false, ...details };
  return {
    form,
    ...whole,
    as: (shownAs) => field(form, { ...whole, shownAs }),
    drawn: () => field(form, { ...whole, isDrawn: true }),
  };
}

export const text = () => field('text');
export const textOrNull = () => field('textOrNull');
export const bookId = () => field('bookId');
export const scopeId = () => field('scopeId');
export const campaignId = () => field('campaignId');
export const code = () => field('code');
export const subject = () => field('subject');
export const subjectOrNull = () => field('subjectOrNull');
export const caller = () => field('caller');
export const redemptionId = () => field('redemptionId');
export const seq = () => field('seq');
export const integer = () => field('integer');
export const integerOrNull = () => field('integerOrNull');
export const count = () => field('count');
export const countOrNull = () => field('countOrNull');
export const time = () => field('time');
export const instant = () => field('instant');
export const instantOrNull = () => field('instantOrNull');
export const boolean = () => field('boolean');
export const choice = (first: string, second: string) => field('choice', { choices: [first, second] });
export const json = () => field('json');
/** `type` is a type of src/records/promotions.ts. */
export const jsonOf = (type: string) => field('json', { type });
export const jsonOrNull = () => field('jsonOrNull');
export const jsonOrNullOf = (type: string) => field('jsonOrNull', { type });
export const recordOf = (of: RecordDeclaration) => field('record', { of });
export const batchContent = () => field('batchContent');
/** `type` is a type that the generator knows how to import (scripts/generate/types.ts). */
export const object = (type: string) => field('object', { type });
