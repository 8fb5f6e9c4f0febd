/**
 * What the server sends to live clients, as schemas. Those of events are made from the declarations
 * of `src/records/`, as the live thread makes the events themselves.
 */
import { z } from 'zod';
import type { Form } from '../../records/fields.js';
import { type LiveDeclaration, liveDeclarations } from '../../records/live.generated.js';
import { bookOut } from '../api/book-schemas.js';
import { stockOut } from '../api/flash/schemas.js';
import { campaignOut, promotionOut } from '../api/promotions/schemas.js';
import * as schemas from '../api/schemas.js';
import { LIVE_ERROR_CODES } from './messages.js';
import { promotionEvents } from './promotion-schemas.js';
import { stockEvents } from './stock-schemas.js';

const object = z.record(z.string(), z.unknown());
const time = z.string().describe('ISO 8601 UTC with milliseconds');
const topics = z.array(z.string()).describe('Those of the connection that the event belongs to');
const cursor = z.string().describe('The position after this message. Opaque');
const detail = z.string().describe('For people');

const text = z.string();
const integer = z.int();
/** JSON of the fields that events can show. */
const SCHEMAS: Partial<Record<Form, z.ZodType>> = {
  text,
  textOrNull: text.nullable(),
  bookId: text,
  code: text,
  subject: text,
  subjectOrNull: text.nullable(),
  caller: text,
  redemptionId: text,
  seq: integer,
  integer,
  integerOrNull: integer.nullable(),
  count: integer,
  countOrNull: integer.nullable(),
  boolean: z.boolean(),
  json: object,
  jsonOrNull: object.nullable(),
};

/** Fields that show under a name and in a form of their own. */
const RENAMED: Readonly<Record<string, readonly [name: string, schema: z.ZodType]>> = {
  untilMs: ['lockedUntil', time],
};
/** Fields that every event of a code can show, in this order; the rest is in `detail`. */
const SHOWN = ['code', 'userId', 'lockId', 'untilMs', 'redemptionId', 'redemptionCount'] as const;

const { counts } = bookOut.shape;
const couponBookId = z.string();
const bookData = bookOut
  .omit({
    id: true,
    counts: true,
    discount: true,
    campaignId: true,
    createdAt: true,
    updatedAt: true,
    archivedAt: true,
  })
  .extend({ couponBookId });

function dataOf({ kind, fields, detail: paths, snapshot }: LiveDeclaration): z.ZodType {
  if (snapshot === 'bookChanged') return bookData;
  if (snapshot === 'batchWentLive') return z.strictObject({ couponBookId, count: integer });
  const shape: Record<string, z.ZodType> = { couponBookId };
  for (const name of [...SHOWN.filter((shown) => shown in fields), ...paths]) {
    const form = fields[name];
    const plain = form === undefined ? undefined : SCHEMAS[form];
    const [shownAs, schema] = RENAMED[name] ?? [name, plain];
    if (schema === undefined) throw new Error(`the field ${name} of ${kind} has no schema`);
    shape[shownAs] = schema;
  }
  return z.strictObject(shape);
}

interface EventSchema {
  readonly name: string;
  readonly about: string;
  readonly schema: z.ZodType;
}

const eventSchema = (event: string, data: z.ZodType, fields: z.ZodRawShape): z.ZodType =>
  z.strictObject({ type: z.literal('event'), topics, ...fields, event: z.literal(event), at: time, data });

const WHO = {
  owner: 'For admins and services, and for the user of the code.',
  staff: 'For admins and services.',
} as const;

const declared: readonly EventSchema[] = liveDeclarations
  .filter(({ live }) => !live.topics.includes('promotion') && !live.topics.includes('product'))
  .map((declaration) => {
    const { name, live } = declaration;
    const about = `Topics: ${live.topics.join(', ')}. ${WHO[live.seenBy]}`;
    return { name, about, schema: eventSchema(name, dataOf(declaration), { cursor }) };
  });

/** By the name of the event. */
export const eventSchemas: readonly EventSchema[] = [
  ...declared,
  ...[...promotionEvents, ...stockEvents].map(({ name, about, data }) => ({
    name,
    about,
    schema: eventSchema(name, data, { cursor }),
  })),
  {
    name: 'book.counts',
    about: 'Topic: book. The present counts, ten times a second at most. For everybody.',
    schema: eventSchema('book.counts', z.strictObject({ couponBookId, counts }), { cursor }),
  },
  {
    name: 'pool.low',
    about: 'Topic: book. Less than a tenth of the codes are available. A hint, for admins and services.',
    schema: eventSchema('pool.low', z.strictObject({ couponBookId, available: integer, total: integer }), {}),
  },
  {
    name: 'job.progress',
    about: 'Topic: job. The job has changed. A hint, for admins and services.',
    schema: eventSchema('job.progress', schemas.jobOut, {}),
  },
];

const snapshotData = z
  .union([
    bookOut,
    z.strictObject({ id: z.string(), counts }),
    schemas.codeOut,
    z.strictObject({ userId: z.string(), codes: z.array(schemas.codeOut), more: z.boolean() }),
    schemas.jobOut,
    promotionOut,
    campaignOut.omit({ promotions: true, books: true }),
    stockOut,
  ])
  .describe(
    'A book, its counts (for users), a code, the codes of a user, a job, a promotion, a campaign without its promotions, or a stock',
  );

/** Messages that are no events, by `type`. */
export const serverMessages = {
  authenticated: z.strictObject({ type: z.literal('authenticated') }),
  subscribed: z.strictObject({ type: z.literal('subscribed'), topics: z.array(z.string()), cursor }),
  unsubscribed: z.strictObject({ type: z.literal('unsubscribed'), topics: z.array(z.string()), cursor }),
  snapshot: z.strictObject({ type: z.literal('snapshot'), topic: z.string(), cursor, data: snapshotData }),
  expired: z.strictObject({ type: z.literal('expired'), detail }),
  lagged: z.strictObject({ type: z.literal('lagged'), detail }),
  error: z.strictObject({
    type: z.literal('error'),
    code: z.enum(LIVE_ERROR_CODES),
    detail,
    errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  }),
} as const;
