/** Reports of a `Control` in memory: nothing was ever used, and all stores agree. */
import { asSeq, asShardId } from '../../src/domain/ids.js';
import type { Control, Verification } from '../../src/engine/engine.js';

const VERIFICATION: Verification = {
  id: '3f0f8f6e-55a4-4b5c-9d3e-1f0a7c1d2e3f',
  status: 'completed',
  shardCount: 1,
  verdicts: [
    { shard: asShardId(0), seq: asSeq(7), codes: 3, digest: '0123456789abcdef', fromNothing: true, difference: null },
  ],
  error: null,
};

type Reports = Pick<Control, 'verify' | 'verification' | 'usageStats' | 'usageGroups' | 'promotionUses' | 'countUsage'>;

export const memoryReports: Reports = {
  verify: async () => VERIFICATION,
  verification: async (id) => (id === VERIFICATION.id ? VERIFICATION : null),
  async usageStats({ series }) {
    const sums = { validations: 0, applications: 0, uses: 0, discount: 0, revenue: 0 };
    return { asOf: asSeq(0), sums, series: series.map(() => []) };
  },
  usageGroups: async () => ({ asOf: [asSeq(0)], groups: [] }),
  promotionUses: async () => [],
  countUsage: async () => undefined,
};
