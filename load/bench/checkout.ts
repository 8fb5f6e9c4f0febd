/**
 * Promotions beside codes, in one run: a bare server, assign with an idempotency key, pricing a
 * cart, and reserving it. Then what a promotion and an open reservation take in memory.
 */
import type { HttpClient } from './http-client.js';
import { COMPARED, type Kind, runKinds } from './kinds.js';
import type { BenchOptions } from './options.js';
import type { Findings } from './results.js';
import type { Subject } from './subject.js';

const CART = { lines: [{ productId: 'shirt', quantity: 2, unitPrice: 19.99 }], shipping: 4.5 };
const APPLY = '/api/v1/coupons/apply';
const apply = { on: 'clipbook', path: APPLY } as const;
const asked = { code: 'BENCH10', ...CART, userId: 'user-########' };

const KINDS: readonly Kind[] = [
  ...COMPARED,
  { name: 'apply', ...apply, body: () => asked, keys: 'none' },
  {
    name: 'apply and reserve, with a key',
    ...apply,
    body: () => ({ ...asked, reserve: true, reserveSeconds: 5 }),
    keys: 'own',
  },
];

const PROMOTIONS = 2_000;
const RESERVATIONS = 50_000;
const AT_ONCE = 64;
/** Each promotion with a code is an upload of one code, and few may be under way. */
const UPLOADS_AT_ONCE = 4;

export function runCheckout(options: BenchOptions, directory: string, say: (line: string) => void): Promise<Findings> {
  const run = {
    name: 'checkout',
    kinds: KINDS,
    prepare: async (client: HttpClient) => {
      await client.expect(201, 'POST', '/api/v1/coupons', { ...TEN, code: 'BENCH10', maxUsage: 1_000_000_000 });
    },
    finish: async (subject: Subject, client: HttpClient) => {
      const memory = await measureMemory(subject, client, options.isShort);
      const { promotionBytes, reservationBytes } = memory;
      const line = `A promotion takes ${promotionBytes} bytes, an open reservation ${reservationBytes}, by the growth of the process.`;
      return { figures: { memory }, line };
    },
  };
  return runKinds(run, options, directory, say);
}

const TEN = { discount: 10, type: 'percentage', couponFor: 'product' };

/** By what the process takes more: V8 gives memory back late, so small numbers say little. */
async function measureMemory(subject: Subject, client: HttpClient, isShort: boolean) {
  const [promotions, reservations] = isShort ? [100, 1_000] : [PROMOTIONS, RESERVATIONS];
  const before = subject.residentBytes();
  await inTurns(promotions, UPLOADS_AT_ONCE, (n) =>
    client.expect(201, 'POST', '/api/v1/coupons', { ...TEN, code: `MEM${n}` }),
  );
  const between = subject.residentBytes();
  const cart = { code: 'MEM1', ...CART, reserve: true, reserveSeconds: 3600 };
  await inTurns(reservations, AT_ONCE, (n) => client.expect(200, 'POST', APPLY, { ...cart, userId: `holder-${n}` }));
  const after = subject.residentBytes();
  return {
    promotionBytes: Math.round((between - before) / promotions),
    reservationBytes: Math.round((after - between) / reservations),
  };
}

async function inTurns(count: number, atOnce: number, work: (n: number) => Promise<unknown>): Promise<void> {
  for (let first = 0; first < count; first += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, count - first) }, (_, i) => first + i);
    await Promise.all(numbers.map(work));
  }
}
