/**
 * The test files that take longest, which `npm test` begins with. Those that take longer than half
 * a minute on two cores should be here; their order among each other matters little.
 */
export const SLOWEST_TESTS: readonly string[] = [
  'test/server/restore.test.ts',
  'test/server/restore-ids.test.ts',
  'test/server/batches.test.ts',
  'test/http/pages.test.ts',
  'test/crash/crash.test.ts',
  'test/server/signals.test.ts',
  'test/simulator/simulator.test.ts',
  'test/server/start-failures.test.ts',
  'test/cli/terminal.test.ts',
  'test/server/limits.test.ts',
  'test/server/generate.test.ts',
  'test/server/promotions-kills.test.ts',
  'test/server/takeover.test.ts',
  'test/server/refusals.test.ts',
  'test/server/file-journal.test.ts',
  'test/cli/faults.test.ts',
  'test/server/recovery-failures.test.ts',
  'test/server/two-servers.test.ts',
  'test/server/generator-key.test.ts',
  'test/server/disk.test.ts',
  'test/server/redis-takeover.test.ts',
  'test/server/digest.test.ts',
  'test/carts/carts.test.ts',
  'test/carts/campaigns.test.ts',
];
