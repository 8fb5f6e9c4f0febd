/**
 * How events, outcomes and commands are declared. A declaration says everything that the layers
 * need to know about a record, and `npm run generate` writes their code from it. Declarations are
 * exported by the files of a feature, beside the rules (`src/features/coupons/redeem.ts`).
 *
 * Numbers and names are stored: event numbers in the journal and in PostgreSQL, outcome numbers in
 * the journal, and field names in JSON columns. The journal stores the fields of a record by their
 * position. So never use a number twice, and never change a record that was released: declare
 * another record with a new number instead. `test/fixtures/golden/` holds the stored bytes.
 */
import type { Field, Fields } from './fields.js';
import type { HttpOptions } from './http.js';
import type { RefusalReason } from './refusals.js';

/** The columns of a code's row in the snapshot that events change. */
export type CodeColumn = 'user_id' | 'assigned_ms' | 'lock_id' | 'locked_until_ms' | 'redemption_count';

export interface EventOptions<F extends Fields> {
  /** The name of the event in histories and live updates; null: callers do not see the event. */
  readonly shownAs: string | null;
  /** Who sees the event as it happens; absent: nobody. */
  readonly live?: LiveOptions;
  /**
   * How the event changes the code's row in the snapshot: each column gets the value of the named
   * field, or null.
   */
  readonly row?: Readonly<Partial<Record<CodeColumn, (keyof F & string) | null>>>;
  /**
   * The fields that the audit row keeps as JSON in `detail`, because it has no column for them:
   * paths such as `book.version`. The last part of a path is the name in the JSON. If all of the
   * fields can be null and all are null, `detail` is null.
   */
  readonly detail?: readonly string[];
  /** The table that gets a row with these values, in this order. */
  readonly appends?: { readonly table: AppendedTable; readonly values: readonly (keyof F | 'seq' | 'shard')[] };
  /**
   * The method of `SnapshotChanges` (postgres/projection/code-update.ts) that changes the rest of
   * the snapshot.
   */
  readonly snapshot?: SnapshotMethod;
}

/**
 * The kinds of topics that events belong to. `book` and `campaign`: what the change belongs to.
 * `code` and `user`: `code:CODE` and `user:ID` of the event's fields `code` and `userId`.
 * `promotion`: each promotion that the event names (followers/live/promotion-events.ts). `product`:
 * the product that it names (followers/live/stock-events.ts).
 */
export type TopicKind = 'book' | 'code' | 'user' | 'promotion' | 'campaign' | 'product';

export interface LiveOptions {
  readonly topics: readonly TopicKind[];
  /**
   * `owner`: the user whom the event names in `userId`, besides admins and services. `staff`: only
   * admins and services.
   */
  readonly seenBy: 'owner' | 'staff';
}

export type AppendedTable = 'redemptions' | 'rollbacks' | 'orders';
export type SnapshotMethod =
  | 'bookChanged'
  | 'batchOpened'
  | 'batchGivenUp'
  | 'batchWentLive'
  | 'bookJoinedCampaign'
  | 'promotionChanged'
  | 'codeClaimed'
  | 'codeFreed'
  | 'reservationMade'
  | 'reservationRenewed'
  | 'reservationCommitted'
  | 'reservedCodesRedeemed'
  | 'reservationEnded'
  | 'reservationRolledBack'
  | 'stockChanged'
  | 'orderMoved';

export interface EventDeclaration
  extends Required<Omit<EventOptions<Fields>, 'live' | 'row' | 'appends' | 'snapshot'>> {
  readonly declares: 'event';
  readonly kind: string;
  /** The event's number in the column `changes.kind`. The journal stores this number less one. */
  readonly number: number;
  readonly fields: Fields;
  readonly live: LiveOptions | null;
  readonly row: EventOptions<Fields>['row'] | null;
  readonly appends: EventOptions<Fields>['appends'] | null;
  readonly snapshot: SnapshotMethod | null;
}

export function event<const F extends Fields>(
  kind: string,
  number: number,
  fields: F,
  { shownAs, live, row, detail = [], appends, snapshot }: EventOptions<F>,
): EventDeclaration {
  return {
    declares: 'event',
    kind,
    number,
    fields,
    shownAs,
    live: live ?? null,
    row: row ?? null,
    detail,
    appends: (appends as EventOptions<Fields>['appends']) ?? null,
    snapshot: snapshot ?? null,
  };
}

export interface OutcomeOptions {
  /**
   * How the memory of idempotency keys keeps the outcome: as JSON, or in a compact form that begins
   * with this number.
   */
  readonly memory: number | 'json';
  /** What the body of the HTTP answer is: the fields of the outcome, or something a route makes. */
  readonly answer: 'fields' | 'byRoute';
}

export interface OutcomeDeclaration<Kind extends string = string> extends OutcomeOptions {
  readonly declares: 'outcome';
  readonly kind: Kind;
  /** The journal stores this number less one. */
  readonly number: number;
  readonly fields: Fields;
}

/** Of an outcome whose answer a route makes, and which is too rare to be kept in a compact form. */
export const MADE_BY_ROUTE = { memory: 'json', answer: 'byRoute' } as const satisfies OutcomeOptions;

export function outcome<const Kind extends string>(
  kind: Kind,
  number: number,
  fields: Fields,
  options: OutcomeOptions,
): OutcomeDeclaration<Kind> {
  return { declares: 'outcome', kind, number, fields, ...options };
}

/**
 * The compact form of a command and its outcome in messages between threads: the numbers that a
 * request and a reply begin with.
 */
export interface MessageForm {
  readonly request: number;
  readonly reply: number;
}

export interface CommandOptions<F extends Fields, Outcome extends string, Reason extends RefusalReason> {
  readonly gives: OutcomeDeclaration<Outcome>;
  /** Why the command can be refused, in the order in which `decide…` checks. */
  readonly refusals: readonly Reason[];
  /**
   * How the command and its outcome travel between threads: as plain objects, or in a compact form,
   * which is faster. In the compact form the reply leaves out each field that the command has too.
   * So a field with the same name must have the same value in both.
   */
  readonly message: MessageForm | 'object';
  /**
   * What the command will read besides the codes and users that its fields name, so that it is
   * fetched early: a code that is drawn from the pool of its book, or the random number of an id.
   */
  readonly prefetches?: readonly Prefetched[];
  /** How callers send it; none: another command or a route of its own makes it. */
  readonly http?: HttpOptions<F>;
}

export type Prefetched = 'drawnCode' | 'randomNumber';

export interface CommandDeclaration<Outcome extends string = string, Reason extends RefusalReason = RefusalReason>
  extends Required<Omit<CommandOptions<Fields, Outcome, Reason>, 'http'>> {
  readonly declares: 'command';
  readonly kind: string;
  readonly fields: Fields;
  readonly http: HttpOptions | null;
}

export function command<const F extends Fields, const Outcome extends string, const Reason extends RefusalReason>(
  kind: string,
  fields: F,
  { gives, refusals, message, prefetches = [], http }: CommandOptions<F, Outcome, Reason>,
): CommandDeclaration<Outcome, Reason> {
  return {
    declares: 'command',
    kind,
    fields,
    gives,
    refusals,
    message,
    prefetches,
    http: (http as HttpOptions | undefined) ?? null,
  };
}

/** Names and fields, in the order of the declaration. */
export const fieldsOf = (fields: Fields): readonly (readonly [string, Field])[] => Object.entries(fields);
