import { BOOK_ID, CODE, JOB_ID, OTHER_CODE, UPLOAD_REQUEST_ID, USER } from '../../../records/story.js';
import type { ExampleTable } from './example.js';
import { json } from './example.js';
import { usedPromotion } from './promotions.js';

const available = {
  code: OTHER_CODE,
  couponBookId: BOOK_ID,
  status: 'available',
  userId: null,
  assignedAt: null,
  lockId: null,
  lockedUntil: null,
  redemptionCount: 0,
  redeemedAt: null,
  remaining: 1,
};

const assigned = {
  ...available,
  code: CODE,
  status: 'assigned',
  userId: USER,
  assignedAt: '2026-06-08T08:00:00.123Z',
};

const guessOdds = { oneIn: 1.2e21, bits: 80, warning: null };

export const codeExamples: ExampleTable = {
  generateCodes: {
    parameters: { id: BOOK_ID },
    bodies: json({
      few: { summary: 'A thousand codes, answered at once', value: { quantity: 1000 } },
      pattern: {
        summary: 'With a pattern of their own',
        value: { quantity: 100, codePattern: 'SUMMER-{RANDOM:12}{CHECK}' },
      },
      many: { summary: 'More than 10,000: made by a job', value: { quantity: 20_000 } },
    }),
    answers: {
      201: {
        generated: {
          summary: 'A thousand codes',
          value: {
            generatedCodes: 1000,
            totalCodes: 1000,
            keyspace: '1208925819614629174706176',
            guessOdds,
            status: 'completed',
          },
        },
      },
      202: { accepted: { summary: 'A job makes them', value: { jobId: JOB_ID, status: 'processing' } } },
    },
  },
  uploadCodes: {
    parameters: { id: BOOK_ID },
    bodies: {
      'application/json': { json: { summary: 'Two codes', value: { codes: [CODE, OTHER_CODE] } } },
      'text/csv': { csv: { summary: 'A file with a header', value: 'code,note\nCSV-0001,first\nCSV-0002,second\n' } },
      'application/x-ndjson': {
        ndjson: { summary: 'One object a line', value: '{"code":"LINE-0001"}\n{"code":"LINE-0002"}\n' },
      },
    },
    answers: {
      200: {
        clean: {
          summary: 'All were new',
          value: { received: 2, added: 2, duplicates: 0, invalid: 0, errors: [] },
        },
        mixed: {
          summary: 'One was known, one is not a code',
          value: {
            received: 4,
            added: 2,
            duplicates: 1,
            invalid: 1,
            errors: [{ line: 3, message: 'the code has 2 characters, and needs at least 3' }],
          },
        },
      },
    },
  },
  getUpload: {
    parameters: { requestId: UPLOAD_REQUEST_ID },
    answers: {
      200: {
        loading: {
          summary: 'All codes have arrived, and a third is in its place',
          value: {
            requestId: UPLOAD_REQUEST_ID,
            couponBookId: BOOK_ID,
            phase: 'loading',
            bytes: 30_000_000,
            received: 1_500_000,
            loaded: 500_000,
            startedAt: '2026-06-08T07:00:00.000Z',
          },
        },
      },
    },
  },
  listCodes: {
    parameters: { id: BOOK_ID },
    answers: { 200: { page: { summary: 'The last page', value: { items: [available], nextCursor: null } } } },
  },
  exportCodes: {
    parameters: { id: BOOK_ID },
    answers: {
      200: {
        file: {
          summary: 'One assigned code',
          value: `code,status,userId,assignedAt,lockedUntil,redemptionCount,redeemedAt\n${CODE},assigned,${USER},2026-06-08T08:00:00.123Z,,0,\n`,
        },
      },
    },
  },
  getCode: {
    parameters: { code: CODE },
    answers: {
      200: {
        assigned: { summary: "Ada's code", value: { kind: 'code', ...assigned } },
        available: { summary: 'Nobody has it yet', value: { kind: 'code', ...available } },
        promotion: { summary: 'The code of a promotion', value: usedPromotion },
      },
    },
  },
  listUserCodes: {
    parameters: { userId: USER },
    answers: { 200: { page: { summary: 'The only page', value: { items: [assigned], nextCursor: null } } } },
  },
  getJob: {
    parameters: { id: JOB_ID },
    answers: {
      200: {
        processing: {
          summary: 'Under way',
          value: {
            jobId: JOB_ID,
            kind: 'generate',
            status: 'processing',
            done: 8192,
            total: 20_000,
            startedAt: '2026-06-08T07:00:00.000Z',
            finishedAt: null,
          },
        },
        completed: {
          summary: 'Done',
          value: {
            jobId: JOB_ID,
            kind: 'generate',
            status: 'completed',
            done: 20_000,
            total: 20_000,
            startedAt: '2026-06-08T07:00:00.000Z',
            finishedAt: '2026-06-08T07:00:00.412Z',
            result: { generatedCodes: 20_000, totalCodes: 21_000, keyspace: '1208925819614629174706176', guessOdds },
          },
        },
      },
    },
  },
  cancelJob: {
    parameters: { id: JOB_ID },
    answers: {
      202: {
        cancelled: {
          summary: 'Cancelled, with nothing left of it',
          value: {
            jobId: JOB_ID,
            kind: 'generate',
            status: 'cancelled',
            done: 8192,
            total: 20_000,
            startedAt: '2026-06-08T07:00:00.000Z',
            finishedAt: '2026-06-08T07:00:00.201Z',
          },
        },
      },
    },
  },
  olderRandomCodes: {
    bodies: json({ few: { summary: 'A thousand codes', value: { couponBookId: BOOK_ID, quantity: 1000 } } }),
  },
  olderCodes: {
    bodies: json({
      two: { summary: 'Two codes', value: { couponBookId: BOOK_ID, codes: ['OLDER-0001', 'OLDER-0002'] } },
    }),
  },
};
