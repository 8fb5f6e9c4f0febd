/**
 * An event as live clients see it. It is made from a journaled event, or from its audit row in
 * PostgreSQL, with the same text from both: a client that resumes can't tell the sources apart.
 */
import type { Change, DomainEvent } from '../../domain/event.js';
import { asSeq, type Seq, type ShardId } from '../../domain/ids.js';
import { settingsJson } from '../../engine/book-json.js';
import type { AuditRow } from '../../postgres/audit-reader.js';
import type { LiveOptions, TopicKind } from '../../records/declare.js';
import { type LiveDeclaration, liveDeclarations } from '../../records/live.generated.js';
import type { BookSettings } from '../../records/values.generated.js';
import { type PromotionFields, promotionIdsOf, promotionTeller } from './promotion-events.js';
import { productIdOf, type StockFields, stockTeller } from './stock-events.js';

/** What decides who wants an event. */
export interface About {
  /** The book or the campaign. */
  readonly scopeId: string;
  /** Null: the event is not of a code. */
  readonly code: string | null;
  /** The user whom the event names. */
  readonly userId: string | null;
  readonly promotionIds: readonly string[];
  /** Null: the event is not of a product. */
  readonly productId: string | null;
  readonly live: LiveOptions;
}

export interface LiveEvent extends About {
  readonly shard: ShardId;
  readonly seq: Seq;
  readonly atMs: number;
  /** The members `event`, `at` and `data` of the message, without braces. */
  text(): string;
}

/** What an event says beside its book or campaign. */
type Facts = Pick<AuditRow, 'code' | 'userId' | 'lockId' | 'untilMs' | 'redemptionId' | 'redemptionCount' | 'detail'>;

interface LiveKind {
  readonly live: LiveOptions;
  readonly scopeOf: (event: DomainEvent) => string;
  readonly detail: readonly string[];
  readonly isOfPromotions: boolean;
  readonly isOfStock: boolean;
  /** The name of the event and what it says. */
  readonly tell: (scopeId: string, facts: Facts) => { readonly name: string; readonly data: object };
}

const KINDS: ReadonlyMap<string, LiveKind> = new Map(
  liveDeclarations.map((declared) => {
    const { kind, live, detail } = declared;
    const isOfPromotions = live.topics.includes('promotion');
    const isOfStock = live.topics.includes('product');
    return [
      kind,
      { live, scopeOf: scopeReader(declared), detail, isOfPromotions, isOfStock, tell: tellerOf(declared) },
    ] as const;
  }),
);
const KINDS_BY_NUMBER: ReadonlyMap<number, LiveKind> = new Map(
  liveDeclarations.flatMap(({ kind, number }) => {
    const found = KINDS.get(kind);
    return found === undefined ? [] : [[number, found] as const];
  }),
);

/** Adds the wanted events of a change to `found`, from the first event after `afterSeq` on. */
export function liveEventsOf(
  shard: ShardId,
  change: Change,
  afterSeq: Seq,
  isWanted: (about: About) => boolean,
  found: LiveEvent[],
): void {
  const { firstSeq, atMs, events } = change;
  for (let n = 0; n < events.length; n++) {
    // In bounds.
    const event = events[n] as DomainEvent;
    const seq = asSeq(firstSeq + n);
    const kind = KINDS.get(event.kind);
    if (seq <= afterSeq || kind === undefined) continue;
    const code = 'code' in event ? event.code : null;
    const userId = 'userId' in event ? event.userId : null;
    const promotionIds = kind.isOfPromotions ? promotionIdsOf(event as PromotionFields) : NONE;
    const productId = kind.isOfStock ? productIdOf(event as StockFields) : null;
    const about = { scopeId: kind.scopeOf(event), code, userId, promotionIds, productId, live: kind.live };
    if (!isWanted(about)) continue;
    found.push(liveEvent({ ...about, shard, seq, atMs }, kind, () => factsOf(event, kind.detail)));
  }
}

/** Null: clients don't see this kind of event. */
export function liveEventOfRow(row: AuditRow): LiveEvent | null {
  const kind = KINDS_BY_NUMBER.get(row.kind);
  if (kind === undefined) return null;
  const { shard, seq, atMs, bookId: scopeId, code, userId } = row;
  const promotionIds = kind.isOfPromotions ? promotionIdsOf(row.detail ?? {}) : NONE;
  const productId = kind.isOfStock ? productIdOf(row.detail ?? {}) : null;
  const about = { scopeId, code, userId, promotionIds, productId, live: kind.live };
  return liveEvent({ ...about, shard, seq, atMs }, kind, () => row);
}

/** The id that an event has for a kind of topics; null: it is of no such topic. */
export function topicId(event: About, kind: Exclude<TopicKind, 'promotion'>): string | null {
  switch (kind) {
    case 'book':
    case 'campaign':
      return event.scopeId;
    case 'code':
      return event.code;
    case 'user':
      return event.userId;
    case 'product':
      return event.productId;
  }
}

const NONE: readonly string[] = [];

/** Most events are of interest to nobody, so their facts and text are made when asked for. */
function liveEvent(event: Omit<LiveEvent, 'text'>, kind: LiveKind, facts: () => Facts): LiveEvent {
  let text: string | null = null;
  return {
    ...event,
    text() {
      text ??= textOf(kind, event.atMs, event.scopeId, facts());
      return text;
    },
  };
}

function textOf({ tell }: LiveKind, atMs: number, scopeId: string, facts: Facts): string {
  const { name, data } = tell(scopeId, facts);
  return `"event":"${name}","at":"${new Date(atMs).toISOString()}","data":${JSON.stringify(data)}`;
}

function tellerOf(declared: LiveDeclaration): LiveKind['tell'] {
  const tellPromotion = promotionTeller(declared);
  if (tellPromotion !== null)
    return (campaignId, { userId, untilMs, detail }) =>
      tellPromotion({ campaignId, userId, untilMs, fields: detail ?? {} });
  const { name } = declared;
  const tellStock = stockTeller(declared);
  if (tellStock !== null)
    return (campaignId, { userId, untilMs, detail }) => ({
      name,
      data: tellStock({ campaignId, userId, untilMs, fields: detail ?? {} }),
    });
  const data = dataOf(declared);
  return (couponBookId, facts) => ({ name, data: { couponBookId, ...data(facts) } });
}

/** An event's own: the change of a cart also has events of the codes of books. */
function scopeReader({ scope }: LiveDeclaration): LiveKind['scopeOf'] {
  const [first = '', second] = scope.split('.');
  return (event) => {
    const value = (event as unknown as Record<string, unknown>)[first];
    return (second === undefined ? value : (value as Record<string, unknown>)[second]) as string;
  };
}

function factsOf(event: DomainEvent, detail: readonly string[]): Facts {
  return {
    code: 'code' in event ? event.code : null,
    userId: 'userId' in event ? event.userId : null,
    lockId: 'lockId' in event ? event.lockId : null,
    untilMs: 'untilMs' in event ? event.untilMs : null,
    redemptionId: 'redemptionId' in event ? event.redemptionId : null,
    redemptionCount: 'redemptionCount' in event ? event.redemptionCount : null,
    detail: detailOf(event, detail),
  };
}

/** The fields that the audit row keeps in `detail`: paths, whose last part is the name there. */
function detailOf(event: DomainEvent, paths: readonly string[]): Facts['detail'] {
  const detail: Record<string, unknown> = {};
  for (const path of paths) {
    let value: unknown = event;
    let name = path;
    for (name of path.split('.')) value = (value as Record<string, unknown>)[name];
    detail[name] = value;
  }
  return detail;
}

/** What `data` holds of an event of this kind, in the order in which it shows. */
function dataOf({ fields, detail, snapshot }: LiveDeclaration): (facts: Facts) => Record<string, unknown> {
  if (snapshot === 'bookChanged') return bookData;
  if (snapshot === 'batchWentLive') return ({ detail: given }) => ({ count: given?.['count'] });
  const parts: ((facts: Facts) => Record<string, unknown>)[] = [];
  if ('code' in fields) parts.push(({ code }) => ({ code }));
  if ('userId' in fields) parts.push(({ userId }) => ({ userId }));
  if ('lockId' in fields) parts.push(({ lockId }) => ({ lockId }));
  if ('untilMs' in fields)
    parts.push(({ untilMs }) => ({ lockedUntil: untilMs === null ? null : new Date(untilMs).toISOString() }));
  if ('redemptionId' in fields) parts.push(({ redemptionId }) => ({ redemptionId }));
  if ('redemptionCount' in fields) parts.push(({ redemptionCount }) => ({ redemptionCount }));
  for (const name of detail) parts.push((facts) => ({ [name]: facts.detail?.[name] ?? null }));
  return (facts) => Object.assign({}, ...parts.map((part) => part(facts))) as Record<string, unknown>;
}

/** The row keeps the settings as the event has them. */
function bookData({ detail }: Facts): Record<string, unknown> {
  const { version, settings } = detail ?? {};
  return { version, ...settingsJson(settings as BookSettings) };
}
