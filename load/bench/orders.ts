/**
 * Orders of a flash sale beside codes, in one run: a bare server, assign with an idempotency key,
 * orders that are accepted, orders whose keys are known, and orders of what is sold out.
 */
import type { HttpClient } from './http-client.js';
import { COMPARED, type Kind, runKinds } from './kinds.js';
import type { BenchOptions } from './options.js';
import type { Findings } from './results.js';

const order = (productId: string) =>
  ({ on: 'clipbook', path: '/api/v1/flash/order', body: () => ({ productId, userId: 'user-########' }) }) as const;

const KINDS: readonly Kind[] = [
  ...COMPARED,
  { name: 'order', ...order('drop'), keys: 'own' },
  { name: 'order, the key is known', ...order('known'), keys: 'same' },
  { name: 'order, sold out', ...order('gone'), keys: 'own', isRefused: true },
];

export function runOrders(options: BenchOptions, directory: string, say: (line: string) => void): Promise<Findings> {
  const run = {
    name: 'orders',
    kinds: KINDS,
    env: { FLASH_RATE_LIMIT: '1000000' },
    prepare: async (client: HttpClient) => {
      for (const [productId, quantity] of [
        ['drop', 1_000_000_000],
        ['known', 1_000_000_000],
        ['gone', 0],
      ] as const)
        await client.expect(200, 'POST', '/api/v1/flash/init', { productId, quantity });
    },
    finish: () => Promise.resolve({ figures: {}, line: '' }),
  };
  return runKinds(run, options, directory, say);
}
