/**
 * The words of the API as zod schemas: what is validated is what /openapi.json shows. Objects are
 * strict, so an unknown field is an error that names it. Schemas that are worth a name in the
 * description get one in `named`.
 *
 * Text follows one rule everywhere: text-rule.ts.
 */
import { z } from 'zod';
import { parsePattern } from '../../codes/pattern.js';
import { accountEmail, PASSWORD_LENGTH_MAX, ROLES } from '../../control/account-rules.js';
import { metadata } from './metadata.js';
import { lineOf, USER_ID } from './text-rule.js';

export { metadata };

/** Names for the description: schema → component. */
export const named = z.registry<{ readonly id: string }>();

export function name<T extends z.ZodType>(id: string, schema: T): T {
  named.add(schema, { id });
  return schema;
}

const PAGE_MAX = 1000;
/** More are made by a job. */
export const GENERATE_AT_ONCE_MAX = 10_000;
const SKIP_MAX = 100;
export const COUNT_MAX = 1_000_000_000;

// -- pieces ---------------------------------------------------------------------------------------

/** Trimmed and in upper case from here on, as codes are everywhere. */
export const code = z
  .string()
  .trim()
  .regex(/^[A-Za-z0-9\-_.]{3,64}$/, 'A code is 3 to 64 letters (A to Z), digits, hyphens, underscores or dots')
  .toUpperCase()
  .meta({
    description: '3 to 64 characters of A-Z 0-9 - _ . in any case; blanks around it are taken away',
    pattern: '^[\\t-\\r ]*[A-Za-z0-9._-]{3,64}[\\t-\\r ]*$',
  });

export const bookId = z.uuid('Not a UUID').toLowerCase().describe('Id of a coupon book (UUIDv7)');

export const userId = z
  .string()
  .regex(USER_ID, 'A user id is 1 to 128 characters, none of them a control character')
  .describe('Your id of the user; for a token of the role user, its own id');

export const redemptionId = z.string().regex(/^[\x21-\x7e]{1,64}$/, 'Not a redemption id');

/** A text of one line, which may be empty. */
export const line = (lengthMax: number) =>
  z.string().regex(lineOf(0, lengthMax), `At most ${lengthMax} characters, none of them a control character`);

/**
 * Only these have four digits of the year in UTC, whatever their offset, and so can be shown and
 * sent again.
 */
const TIME_FIRST_MS = Date.parse('0000-01-01T00:00:00.000Z');
const TIME_LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** Whether the time has a year of four digits in UTC. */
export const isYearShown = (ms: number): boolean => ms >= TIME_FIRST_MS && ms <= TIME_LAST_MS;

export const time = z.iso
  .datetime({ offset: true, error: 'Not an ISO 8601 time such as 2026-11-20T08:00:00.000Z' })
  .refine((text) => isYearShown(Date.parse(text)), 'Not between the years 0000 and 9999 in UTC')
  .describe('ISO 8601 with an offset or Z, within the years 0000 to 9999 in UTC');

export const count = z.int().min(1).max(COUNT_MAX);
export const codePattern = z
  .string()
  .max(256)
  .superRefine((text, context) => {
    const parsed = parsePattern(text);
    if (parsed.kind === 'patternError') context.addIssue({ code: 'custom', message: parsed.message });
  })
  .meta({
    description: 'Literals, # (a random letter or digit), {RANDOM:n}, {ALPHA:n}, {NUMERIC:n}, {UUID}, {CHECK}',
    // parsePattern judges; this says what it takes, but for the lengths that add up.
    pattern: '^([A-Za-z0-9._#-]|\\{(RANDOM|ALPHA|NUMERIC):([1-9]|[1-5][0-9]|6[0-4])\\}|\\{UUID\\}|\\{CHECK\\})+$',
  });

// -- what is sent ---------------------------------------------------------------------------------

const quantity = z.int().min(1).max(10_000_000);
const generateFields = { quantity, codePattern: codePattern.nullable().optional() };
export const generateInput = name('GenerateInput', z.strictObject(generateFields));
export const randomCodesInput = name('RandomCodesInput', z.strictObject({ couponBookId: bookId, ...generateFields }));

/** What is no code, or not even a string, is counted and reported, not refused. */
const anyCode = z.unknown().describe('A code. What is none, or not even a string, counts as invalid');
const anyCodes = z.array(anyCode).min(1);
export const codesInput = name('CodesInput', z.strictObject({ codes: anyCodes }));
export const bookCodesInput = name('BookCodesInput', z.strictObject({ couponBookId: bookId, codes: anyCodes }));

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
  name: z
    .string()
    .regex(lineOf(1, 200), '1 to 200 characters, none of them a control character')
    .optional()
    .describe('Part of the name, in any case'),
});
export const codesQuery = z.strictObject({ ...page, status: codeStatus.optional() });
export const uploadQuery = z.strictObject({
  column: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .optional()
    .describe('The column of a CSV file by its name or its number from 1; the field of NDJSON. `code` unless told'),
  header: z
    .enum(['present', 'absent'])
    .optional()
    .describe('Whether the first row of a CSV file is a header, where its words do not tell'),
  skip: z.int().min(0).max(SKIP_MAX).default(0).describe('Lines of a CSV file to leave out before its first row'),
});
export type UploadQuery = z.output<typeof uploadQuery>;
export const exportQuery = z.strictObject({
  status: codeStatus.optional(),
  for: z
    .enum(['spreadsheet'])
    .optional()
    .describe('spreadsheet: nothing in the file is taken for a formula, and Excel reads it as UTF-8'),
});
export const userCodesQuery = z.strictObject({
  ...page,
  couponBookId: bookId.optional(),
  status: codeStatus.optional(),
});

// -- what is answered -----------------------------------------------------------------------------

export const timeOut = z.string().describe('ISO 8601 UTC with milliseconds');
export const nextCursor = z.string().nullable().describe('null: this is the last page');

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
    column: z
      .strictObject({
        number: z.int().nullable().describe('From 1; null for NDJSON'),
        name: z.string().nullable().describe('As in the header or the first object; null: there is no header'),
      })
      .optional()
      .describe('Where the codes were read; not there for JSON'),
  }),
);
export const uploadRequestId = z
  .string()
  .regex(/^[A-Za-z0-9._~:/+=@-]{1,128}$/, 'Not the form of a request id')
  .describe('The `X-Request-Id` that the upload was sent with');
export const uploadOut = name(
  'Upload',
  z.strictObject({
    requestId: z.string(),
    couponBookId: z.string(),
    phase: z
      .enum(['receiving', 'loading'])
      .describe('`receiving` while the body arrives, `loading` while its codes are moved into the book'),
    bytes: z.int().describe('How much of the body was read'),
    received: z.int().describe('Valid codes that were read'),
    loaded: z.int().describe('How many of them were moved; back to 0 when some turn out to exist already'),
    startedAt: timeOut,
  }),
);
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
export const homeOut = name(
  'Home',
  z.strictObject({
    name: z.literal('Clipbook'),
    version: z.string(),
    documentation: z.string(),
    description: z.string(),
    events: z.string(),
    problems: z.string(),
    alive: z.string(),
    ready: z.string(),
    metrics: z.string(),
  }),
);
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
    heldUntil: z.iso
      .datetime()
      .optional()
      .describe('Other carts hold what is missing; when the first of them may give it back'),
    missing: z
      .array(z.strictObject({ name: z.string().describe('The code or the id'), reason: z.string() }))
      .optional()
      .describe('What a reservation of all or none lacks'),
  }),
);
