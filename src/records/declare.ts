/**
 * How events, outcomes and commands are declared. What the layers need to know of a record stands
 * in its declaration; `npm run generate` makes their code of it.
 *
 * Numbers and names are stored: those of events in the journal and in PostgreSQL, those of outcomes
 * in the journal, names of fields in JSON columns. The journal form of a record is the list of its
 * fields in their order. So a number is never used again, and a record that was released never
 * changes: one with other fields gets a new number. `test/fixtures/golden/` shows what is stored.
 */
import type { Field, Fields, ValuesOf } from './fields.js';

/** Columns of a code's row in the snapshot that events change. */
export type CodeColumn = 'user_id' | 'assigned_ms' | 'lock_id' | 'locked_until_ms' | 'redemption_count';

export interface EventOptions<F extends Fields> {
  /**
   * What callers know the event as, in histories and live updates; null: it is not shown to them.
   */
  readonly shownAs: string | null;
  /** What becomes of the code's row in the snapshot: the field that a column takes, or null. */
  readonly row?: Readonly<Partial<Record<CodeColumn, (keyof F & string) | null>>>;
  /**
   * What of the event its audit row has no column for: paths of fields, such as `book.version`. The
   * JSON names the last part of each. Fields that can be null are left out while all of them are.
   */
  readonly detail?: readonly string[];
  /**
   * The table that gets a row of these values, in this order. `seq` and `shard` are the event's
   * place.
   */
  readonly appends?: { readonly table: AppendedTable; readonly values: readonly (keyof F | 'seq' | 'shard')[] };
  /**
   * The method of the projection's `SnapshotChanges` that keeps what else it changes in the
   * snapshot.
   */
  readonly snapshot?: SnapshotMethod;
}

export type AppendedTable = 'redemptions' | 'rollbacks';
export type SnapshotMethod = 'bookChanged' | 'batchOpened' | 'batchGivenUp' | 'batchWentLive';

export interface EventDeclaration<Kind extends string = string, F extends Fields = Fields>
  extends Required<Omit<EventOptions<Fields>, 'row' | 'appends' | 'snapshot'>> {
  readonly kind: Kind;
  /** Its number in `changes.kind` of the database. The journal has the number before it. */
  readonly number: number;
  readonly fields: F;
  readonly row: EventOptions<Fields>['row'] | null;
  readonly appends: EventOptions<Fields>['appends'] | null;
  readonly snapshot: SnapshotMethod | null;
}

export function event<const Kind extends string, const F extends Fields>(
  kind: Kind,
  number: number,
  fields: F,
  { shownAs, row, detail = [], appends, snapshot }: EventOptions<F>,
): EventDeclaration<Kind, F> {
  return {
    kind,
    number,
    fields,
    shownAs,
    row: row ?? null,
    detail,
    appends: (appends as EventOptions<Fields>['appends']) ?? null,
    snapshot: snapshot ?? null,
  };
}

export interface OutcomeOptions {
  /** The number of its form in the memory of idempotency keys; null: JSON. */
  readonly memory: number | null;
  /** Whether the body of the answer is its fields; else the routes make the answer. */
  readonly isAnswer: boolean;
}

export interface OutcomeDeclaration<Kind extends string = string, F extends Fields = Fields> extends OutcomeOptions {
  readonly kind: Kind;
  /** The journal has the number before it. */
  readonly number: number;
  readonly fields: F;
}

export function outcome<const Kind extends string, const F extends Fields>(
  kind: Kind,
  number: number,
  fields: F,
  options: OutcomeOptions,
): OutcomeDeclaration<Kind, F> {
  return { kind, number, fields, ...options };
}

/** The forms in which a command and its outcome travel between threads. */
export interface MessageForm {
  readonly request: number;
  readonly reply: number;
  /** The order of the reply's fields, where it is not the order of the outcome's declaration. */
  readonly replyOrder?: readonly string[];
}

export interface CommandOptions {
  readonly gives: OutcomeDeclaration;
  /**
   * Null: command and outcome travel as the objects that they are, which is slower. With a form, a
   * reply leaves out the fields that outcome and command have in common: they must be equal.
   */
  readonly message: MessageForm | null;
}

export interface CommandDeclaration<Kind extends string = string, F extends Fields = Fields> extends CommandOptions {
  readonly kind: Kind;
  readonly fields: F;
}

export function command<const Kind extends string, const F extends Fields>(
  kind: Kind,
  fields: F,
  options: CommandOptions,
): CommandDeclaration<Kind, F> {
  return { kind, fields, ...options };
}

/**
 * The value of a declared event, outcome or command; for a union of declarations the union of
 * values.
 */
export type Of<Declared> = Declared extends { readonly kind: infer Kind; readonly fields: infer F extends Fields }
  ? Simplify<{ readonly kind: Kind } & ValuesOf<F>>
  : never;

type Simplify<T> = { [Name in keyof T]: T[Name] };

/** Name and field, in the order of the declaration. */
export const fieldsOf = (fields: Fields): readonly (readonly [string, Field])[] => Object.entries(fields);
