import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * A project in small: the real `src/compose/thread.ts` and bootstrap, with a thread that answers
 * once.
 */
const project = mkdtempSync(join(tmpdir(), 'clipbook-thread-'));
after(() => rmSync(project, { recursive: true }));

const WORKER = `import { parentPort, workerData } from 'node:worker_threads';
import { greet, type Greeting } from '../src/greet.js';
const greeting: Greeting = greet(workerData.name);
parentPort?.postMessage(greeting);
`;
const GREET = `export type Greeting = \`hello \${string}\`;
export function greet(name: string): Greeting {
  return \`hello \${name}\`;
}
`;
const MAIN = `import { startWorker } from './compose/thread.js';
const worker = startWorker('greeter', { name: 'thread' });
worker.on('message', (greeting: string) => console.log(greeting));
worker.on('error', (error: Error) => console.error(error));
`;

for (const path of ['src/compose/thread.ts', 'workers/bootstrap.mjs', 'tsconfig.json', 'tsconfig.build.json']) {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  cpSync(join(ROOT, path), join(project, path));
}
writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
writeFileSync(join(project, 'workers/greeter.ts'), WORKER);
writeFileSync(join(project, 'src/greet.ts'), GREET);
writeFileSync(join(project, 'src/main.ts'), MAIN);
symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'));

/** Runs Node in the project and gives what it printed; fails when it complained. */
function node(...args: string[]): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.equal(status, 0, stdout);
  return stdout;
}

test('a worker thread starts from TypeScript sources', () => {
  assert.equal(node('--import', 'tsx', 'src/main.ts'), 'hello thread\n');
});

test('a worker thread starts from the build', () => {
  node(join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json');
  assert.ok(readFileSync(join(project, 'dist/workers/greeter.js'), 'utf8').includes('greet'));
  assert.equal(node('dist/src/main.js'), 'hello thread\n');
});
