/**
 * The words of the API as zod schemas: what is validated is what /openapi.json shows. Objects are strict, so an unknown field is
 * an error that names it. Schemas that are worth a name in the description get one in `named`.
 *
 * Text is refused where it could not be kept: control characters (PostgreSQL has no NUL in text), lone surrogates
 * (they have no UTF-8), numbers that are not finite.
 */
import { z } from 'zod';
import { accountEmail, PASSWORD_LENGTH_MAX, ROLES } from '../actor/account-rules.js';

/** Names for the description: schema → component. */
export const named = z.registry<{ readonly id: string }>();

function name<T extends z.ZodType>(id: string, schema: T): T {
  named.add(schema, { id });
  return schema;
}

export const TTL_SECONDS_MAX = 86_400;
export const PAGE_MAX = 1000;
/** More are made by a job. */
export const GENERATE_AT_ONCE_MAX = 10_000;
export const INITIAL_CODES_MAX = 1000;
const COUNT_MAX = 1_000_000_000;

// -- pieces --------------------------------------------------------------------------------------------------------

/** Upper case from here on. */
export const code = z
  .string()
  .regex(/^[A-Za-z0-9\-_.]{3,64}$/, 'A code is 3 to 64 characters of A-Z 0-9 - _ .')
  .toUpperCase()
  .describe('3 to 64 characters of A-Z 0-9 - _ . in any case');

export const bookId = z.uuid('Not a UUID').toLowerCase().describe('Id of a coupon book (UUIDv7)');

export const userId = z
  .string()
  .regex(/^[^\p{C}]{1,128}$/u, 'A user id is 1 to 128 characters, none of them a control character')
  .describe('Your id of the user; for a token of the role user, its own id');

const reason = z
  .string()
  .regex(/^[^\p{C}]{0,500}$/u, 'At most 500 characters, none of them a control character')
  .nullable()
  .optional();

/** Seconds of a time stay exact in ISO 8601 up to the year 9999. */
const time = z.iso
  .datetime({ offset: true, error: 'Not an ISO 8601 time such as 2026-11-20T08:00:00.000Z' })
  .describe('ISO 8601 with an offset or Z');

const METADATA_LENGTH_MAX = 4096;
const METADATA_DEPTH_MAX = 8;

/** Null if `value` can be kept, else why not. */
function metadataFault(value: unknown, depth: number): string | null {
  if (depth > METADATA_DEPTH_MAX) return `Nested deeper than ${METADATA_DEPTH_MAX} levels`;
  if (typeof value === 'string') return textFault(value);
  if (typeof value === 'number') return Number.isFinite(value) ? null : 'A number is out of range';
  if (typeof value !== 'object' || value === null) return null;
  for (const [field, inner] of Object.entries(value)) {
    const fault = (Array.isArray(value) ? null : textFault(field)) ?? metadataFault(inner, depth + 1);
    if (fault !== null) return fault;
  }
  return null;
}

/** A NUL, or half a surrogate pair. */
const textFault = (text: string): string | null =>
  text.includes('\0') || /\p{Cs}/u.test(text) ? 'Text has a character that can not be kept' : null;

const metadata = z
  .record(z.string(), z.unknown())
  .superRefine((value, context) => {
    const fault =
      metadataFault(value, 1) ??
      (JSON.stringify(value).length > METADATA_LENGTH_MAX ? `Longer than ${METADATA_LENGTH_MAX} characters` : null);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  })
  .nullable()
  .describe(`Any JSON object of at most ${METADATA_LENGTH_MAX} characters and ${METADATA_DEPTH_MAX} levels`);

const count = z.int().min(1).max(COUNT_MAX);
const codePattern = z
  .string()
  .regex(/^[\x20-\x7e]{1,256}$/, 'A pattern is 1 to 256 printable ASCII characters')
  .describe('Literals, # (a random letter or digit), {RANDOM:n}, {ALPHA:n}, {NUMERIC:n}, {UUID}, {CHECK}');

// -- what is sent --------------------------------------------------------------------------------------------------

const settings = {
  name: z.string().regex(/^[^\p{C}]{1,200}$/u, 'A name is 1 to 200 characters, none of them a control character'),
  description: z
    .string()
    .max(4000)
    .refine((text) => textFault(text) === null, 'Has a character that can not be kept')
    .nullable(),
  startDate: time.nullable(),
  endDate: time.nullable(),
  isActive: z.boolean(),
  maxCodesPerUser: count.nullable(),
  maxRedemptionsPerUser: count.nullable(),
  allowMultipleRedemptions: z.boolean(),
  maxRedemptionsPerCode: count.nullable().describe('Only with allowMultipleRedemptions; null is without end'),
  codePattern: codePattern.nullable(),
  redeemableBy: z.enum(['assignee', 'bearer']),
  requireLock: z.boolean(),
  lockTtlSeconds: z.int().min(1).max(TTL_SECONDS_MAX).nullable(),
  metadata,
};

const bookFields = {
  name: settings.name,
  description: settings.description.optional(),
  startDate: settings.startDate.optional(),
  endDate: settings.endDate.optional(),
  isActive: settings.isActive.default(true),
  maxCodesPerUser: settings.maxCodesPerUser.optional(),
  maxRedemptionsPerUser: settings.maxRedemptionsPerUser.optional(),
  allowMultipleRedemptions: settings.allowMultipleRedemptions.default(false),
  maxRedemptionsPerCode: settings.maxRedemptionsPerCode.optional(),
  codePattern: settings.codePattern.optional(),
  redeemableBy: settings.redeemableBy.default('assignee'),
  requireLock: settings.requireLock.default(false),
  lockTtlSeconds: settings.lockTtlSeconds.optional(),
  metadata: settings.metadata.optional(),
};

interface Dated {
  readonly startDate?: string | null | undefined;
  readonly endDate?: string | null | undefined;
}

function endsAfterItBegins({ startDate, endDate }: Dated): boolean {
  return startDate == null || endDate == null || Date.parse(endDate) > Date.parse(startDate);
}
const END_RULE = { path: ['endDate'], error: 'endDate has to come after startDate' };

export const bookInput = name(
  'BookInput',
  z
    .strictObject({
      ...bookFields,
      initialCodes: z
        .array(code)
        .min(1)
        .max(INITIAL_CODES_MAX)
        .optional()
        .describe('Those that any book has already are left out; `counts.total` tells how many came in'),
    })
    .refine(endsAfterItBegins, END_RULE)
    .refine((book) => book.maxRedemptionsPerCode == null || book.allowMultipleRedemptions, {
      path: ['maxRedemptionsPerCode'],
      error: 'maxRedemptionsPerCode needs allowMultipleRedemptions',
    }),
);
export type BookInput = z.output<typeof bookInput>;

export const bookPatch = name(
  'BookPatch',
  z
    .strictObject(settings)
    .partial()
    .refine((patch) => Object.keys(patch).length > 0, 'At least one field is needed')
    .refine(endsAfterItBegins, END_RULE),
);
export type BookPatch = z.output<typeof bookPatch>;

const quantity = z.int().min(1).max(10_000_000);
const generateFields = { quantity, codePattern: codePattern.nullable().optional() };
export const generateInput = name('GenerateInput', z.strictObject(generateFields));
export const randomCodesInput = name('RandomCodesInput', z.strictObject({ couponBookId: bookId, ...generateFields }));

/** Codes that are not well-formed are counted and reported, not refused. */
const anyCodes = z.array(z.string()).min(1);
export const codesInput = name('CodesInput', z.strictObject({ codes: anyCodes }));
export const bookCodesInput = name('BookCodesInput', z.strictObject({ couponBookId: bookId, codes: anyCodes }));

const lockId = z.int().min(1).describe('The lock that was given; it grows with each new lock');

export const assignInput = name('AssignInput', z.strictObject({ couponBookId: bookId, userId }));
export const userInput = name('UserInput', z.strictObject({ userId }));
export const lockInput = name(
  'LockInput',
  z.strictObject({ userId, ttlSeconds: z.int().min(1).max(TTL_SECONDS_MAX).optional() }),
);
export const unlockInput = name('UnlockInput', z.strictObject({ userId, lockId: lockId.optional() }));
export const redeemInput = name(
  'RedeemInput',
  z.strictObject({ userId, lockId: lockId.optional(), metadata: metadata.optional() }),
);
export const rollbackInput = name(
  'RollbackInput',
  z.strictObject({ redemptionId: z.string().regex(/^[\x21-\x7e]{1,64}$/, 'Not a redemption id'), reason }),
);
export const unassignInput = name('UnassignInput', z.strictObject({ reason }));

export const jobId = z.uuid('Not a UUID').toLowerCase().describe('Id of a job');

const email = accountEmail;
export const credentials = name(
  'Credentials',
  z.strictObject({ email, password: z.string().min(1).max(PASSWORD_LENGTH_MAX) }),
);
const role = z.enum(ROLES);
export const accountInput = name(
  'AccountInput',
  z.strictObject({ email, password: z.string().min(8).max(PASSWORD_LENGTH_MAX), role: role.default('user') }),
);

const page = {
  limit: z.int().min(1).max(PAGE_MAX).default(100),
  cursor: z.string().min(1).max(256).optional().describe('nextCursor of the page before'),
};
const codeStatus = z.enum(['available', 'assigned', 'locked', 'redeemed']);
export const pageQuery = z.strictObject(page);
export const booksQuery = z.strictObject({
  ...page,
  isActive: z.boolean().optional(),
  name: z.string().min(1).max(200).optional().describe('Part of the name, in any case'),
});
export const codesQuery = z.strictObject({ ...page, status: codeStatus.optional() });
export const exportQuery = z.strictObject({ status: codeStatus.optional() });
export const userCodesQuery = z.strictObject({
  ...page,
  couponBookId: bookId.optional(),
  status: codeStatus.optional(),
});

// -- what is answered ----------------------------------------------------------------------------------------------

const timeOut = z.string().describe('ISO 8601 UTC with milliseconds');
const nextCursor = z.string().nullable().describe('null: this is the last page');

export const bookOut = name(
  'Book',
  z.strictObject({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    startDate: timeOut.nullable(),
    endDate: timeOut.nullable(),
    isActive: z.boolean(),
    maxCodesPerUser: z.int().nullable(),
    maxRedemptionsPerUser: z.int().nullable(),
    allowMultipleRedemptions: z.boolean(),
    maxRedemptionsPerCode: z.int().nullable(),
    codePattern: z.string().nullable(),
    redeemableBy: z.enum(['assignee', 'bearer']),
    requireLock: z.boolean(),
    lockTtlSeconds: z.int().nullable().describe("null: the server's default"),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    counts: z.strictObject({
      total: z.int(),
      available: z.int(),
      assigned: z.int(),
      locked: z.int().describe('Living locks; they overlap assigned and redeemed'),
      redeemed: z.int(),
      redemptions: z.int(),
    }),
    version: z.int().describe('Grows with each change; the ETag'),
    createdAt: timeOut,
    updatedAt: timeOut,
    archivedAt: timeOut.nullable(),
  }),
);
export const booksOut = name('Books', z.strictObject({ items: z.array(bookOut), nextCursor }));

const bucket = z.strictObject({ start: timeOut, redemptions: z.int() });
export const statsOut = name(
  'BookStats',
  z.strictObject({
    couponBookId: z.string(),
    counts: bookOut.shape.counts,
    perMinute: z.array(bucket).describe('Oldest first; the last one is still running'),
    perHour: z.array(bucket),
    perDay: z.array(bucket),
  }),
);

export const codeOut = name(
  'Code',
  z.strictObject({
    code: z.string(),
    couponBookId: z.string(),
    status: codeStatus,
    userId: z.string().nullable(),
    assignedAt: timeOut.nullable(),
    lockId: z.int().nullable(),
    lockedUntil: timeOut.nullable(),
    redemptionCount: z.int(),
    redeemedAt: timeOut.nullable().describe('When it was last redeemed'),
    remaining: z.int().nullable().describe('How often it can still be redeemed; null is without end'),
  }),
);
export const codesOut = name('Codes', z.strictObject({ items: z.array(codeOut), nextCursor }));

export const generatedOut = name(
  'Generated',
  z.strictObject({
    generatedCodes: z.int(),
    totalCodes: z.int().describe('Codes of the book, with these'),
    keyspace: z.string().describe('How many codes the pattern can make'),
    guessOdds: z.strictObject({
      oneIn: z.number().describe('One guess in this many hits one of these codes'),
      bits: z.number().describe('log2 of the keyspace'),
      warning: z.string().nullable(),
    }),
    status: z.literal('completed'),
  }),
);
export const acceptedOut = name(
  'Accepted',
  z.strictObject({
    jobId: z.string(),
    status: z.literal('processing').describe('GET /api/v1/jobs/{jobId} tells more'),
  }),
);
export const verificationId = z.uuid('Not a UUID').toLowerCase().describe('Id of a verification');
export const verificationOut = name(
  'Verification',
  z.strictObject({
    id: z.string(),
    status: z.enum(['processing', 'completed', 'failed']),
    error: z.string().nullable(),
    agrees: z.boolean().nullable().describe('Null while it is not known: no difference so far, and not through'),
    shardCount: z.int(),
    shards: z.array(
      z.strictObject({
        shard: z.int(),
        seq: z.int().describe('The moment that was compared'),
        codes: z.int(),
        digest: z.string(),
        fromNothing: z.boolean().describe('The journal reaches back to its beginning and was folded from there too'),
        difference: z.string().nullable().describe('The first one'),
      }),
    ),
  }),
);
export const jobOut = name(
  'Job',
  z.strictObject({
    jobId: z.string(),
    kind: z.literal('generate'),
    status: z
      .enum(['processing', 'completed', 'failed', 'cancelled'])
      .describe(
        'A job that a restart cut off is taken up again; all of its codes are there when it is completed, else none',
      ),
    done: z.int(),
    total: z.int(),
    startedAt: timeOut,
    finishedAt: timeOut.nullable(),
    error: z.string().optional().describe('Why it failed'),
    result: generatedOut.omit({ status: true }).extend({ totalCodes: z.int().nullable() }).optional(),
  }),
);
export const uploadedOut = name(
  'Uploaded',
  z.strictObject({
    received: z.int(),
    added: z.int(),
    duplicates: z.int(),
    invalid: z.int(),
    errors: z.array(z.strictObject({ line: z.int(), message: z.string() })).describe('The first 100'),
  }),
);
export const assignedOut = name(
  'Assigned',
  z.strictObject({ couponBookId: z.string(), code: z.string(), userId: z.string(), assignedAt: timeOut }),
);
export const lockedOut = name(
  'Locked',
  z.strictObject({ code: z.string(), userId: z.string(), lockId: z.int(), lockedUntil: timeOut }),
);
export const unlockedOut = name('Unlocked', z.strictObject({ code: z.string(), userId: z.string() }));
export const redeemedOut = name(
  'Redeemed',
  z.strictObject({
    code: z.string(),
    userId: z.string(),
    redemptionId: z.string(),
    redeemedAt: timeOut,
    redemptionCount: z.int(),
    remaining: z.int().nullable(),
  }),
);
export const rolledBackOut = name(
  'RolledBack',
  z.strictObject({
    code: z.string(),
    redemptionId: z.string(),
    redemptionCount: z.int(),
    remaining: z.int().nullable(),
  }),
);
export const unassignedOut = name('Unassigned', z.strictObject({ couponBookId: z.string(), code: z.string() }));
export const historyOut = name(
  'History',
  z.strictObject({
    items: z
      .array(
        z.strictObject({
          commitSeq: z.string().describe('<shard>-<seq>, as in the header Commit-Seq of the change'),
          event: z.string(),
          at: timeOut,
          code: z.string(),
          userId: z.string().nullable(),
          by: z.string().describe('Whose token asked for it; "system" for what Clipbook does by itself'),
          requestId: z.string(),
          redemptionId: z.string().nullable(),
          detail: z.record(z.string(), z.unknown()).nullable(),
        }),
      )
      .describe('Newest first'),
    nextCursor,
  }),
);

export const tokenOut = name(
  'Token',
  z.strictObject({ accessToken: z.string(), tokenType: z.literal('Bearer'), expiresIn: z.int().describe('Seconds') }),
);
export const accountOut = name('Account', z.strictObject({ id: z.string(), email: z.string(), role }));
export const aliveOut = name('Alive', z.strictObject({ status: z.literal('alive') }));
export const readinessOut = name(
  'Readiness',
  z.strictObject({
    ready: z.boolean(),
    parts: z.record(z.string(), z.strictObject({ ok: z.boolean(), detail: z.string() })),
  }),
);
export const problemOut = name(
  'Problem',
  z.strictObject({
    type: z.string().describe('/problems/<slug>, a page that explains it'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().describe('The request id'),
    code: z.int().describe('= status'),
    message: z.string().describe('= detail'),
    errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  }),
);

// -- what is no JSON -----------------------------------------------------------------------------------------------

export const codesCsv = z.string().describe('Column `code`, else the first one');
export const codesNdjson = z
  .string()
  .describe('A line is an object with the field `code` (else its first), or a string');
export const csvOut = z.string().describe('code,status,userId,assignedAt,lockedUntil,redemptionCount,redeemedAt');
export const textOut = z.string();
export const openApiOut = z.record(z.string(), z.unknown());
