import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SLOWEST_TESTS } from '../../scripts/slowest-tests.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'clipbook-runner-'));
after(() => rmSync(folder, { recursive: true }));

mkdirSync(join(folder, 'some/deeper'), { recursive: true });
write(
  'some/passes.test.ts',
  `import { test } from 'node:test';\nconst x: number = 1;\ntest('passes', () => { x; });\n`,
);
write('some/deeper/passes.test.ts', `import { test } from 'node:test';\ntest('passes too', () => {});\n`);
write('some/helper.ts', `throw new Error('is no test');\n`);
write('fails.test.ts', `import { test } from 'node:test';\ntest('fails', () => { throw new Error('as it must'); });\n`);
write('needs.test.ts', `const program = 'redis-server';\nconsole.log(program);\n`);

function write(path: string, text: string): void {
  writeFileSync(join(folder, path), text);
}

function runTests(path: string, env: NodeJS.ProcessEnv = process.env) {
  const args = ['--import', 'tsx', 'scripts/test.ts', path];
  return spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', env });
}

test('a folder names all tests below it, and the summary comes last', () => {
  const { stdout, status } = runTests(join(folder, 'some'));
  assert.equal(status, 0, stdout);
  assert.match(stdout, /pass 2\n.*fail 0\n(?:.*\n){3}.*duration_ms [\d.]+\n$/);
});

test('a test that fails fails the run', () => {
  const { stdout, status } = runTests(join(folder, 'fails.test.ts'));
  assert.equal(status, 1);
  assert.match(stdout, /fail 1\n/);
});

test('no tests at all is a failure', () => {
  const { stderr, status } = runTests(join(folder, 'nothing'));
  assert.equal(status, 1);
  assert.match(stderr, /^no test files \(\*\.test\.ts\) in .*nothing\n$/);
});

test('a program that is missing is named in one line with the way to get it, before any test runs', () => {
  // A PATH on which there is only Node.
  mkdirSync(join(folder, 'bin'));
  symlinkSync(process.execPath, join(folder, 'bin/node'));
  const { stdout, stderr, status } = runTests(join(folder, 'needs.test.ts'), {
    ...process.env,
    PATH: join(folder, 'bin'),
  });
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^missing: redis-server, which tests start\. To get it: .+\n$/);
});

test('each file that is known to be slow is there, under the name by which it is moved to the front', () => {
  assert.deepEqual(
    SLOWEST_TESTS.filter((file) => !existsSync(join(ROOT, file))),
    [],
  );
});
