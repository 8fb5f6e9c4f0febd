import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The commands of package.json that take options. `bad` is one that is wrong. */
const COMMANDS = {
  'load/bench.ts': '--seconds=0',
  'load/bulk.ts': '--rounds=none',
  'load/run.ts': 'no-such-scenario',
  'scripts/measure-start.ts': '--codes=-1',
  'scripts/production-walk.ts': '--no-such-option',
  'test/crash/crash.ts': '--kills=0',
  'test/oddities/run-fuzz.ts': 'many',
  'test/power-cuts/cli.ts': '--cuts=1.5',
  'test/schemathesis/schemathesis.ts': '--examples=0',
  'test/simulator/simulate.ts': '--seeds=0',
} as const;

function run(path: string, argument: string) {
  const args = ['--import', 'tsx', path, argument];
  return spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
}

describe('a command', () => {
  for (const [path, bad] of Object.entries(COMMANDS)) {
    it(`of ${path} prints its usage, and refuses an option that is wrong with one line`, () => {
      const help = run(path, '--help');
      assert.deepEqual([help.status, help.stderr], [0, '']);
      assert.match(help.stdout, /^usage: npm run [\w:-]+ -- /);
      const refused = run(path, bad);
      assert.deepEqual([refused.status, refused.stdout], [2, '']);
      const [line, ...usage] = refused.stderr.trimEnd().split('\n');
      assert.match(String(line), /\w/);
      assert.equal(`${usage.join('\n')}\n`, help.stdout);
    });
  }
});
