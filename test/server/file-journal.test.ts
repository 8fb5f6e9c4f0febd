/**
 * The real server on a file journal that another process took over, or whose last record is bad.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT_CODES } from '../../src/platform/exit-codes.js';
import { APART, canPartProcesses, dataDirectory, partedProcess } from '../support/process.js';
import { assign, bookOf, start, startServing, testStage } from '../support/two-servers.js';

const { postgres, stage } = testStage();

test('of two containers on one directory, the first one was paused: it acknowledges nothing more and ends with code 20', async (t) => {
  if (!canPartProcesses()) {
    t.diagnostic('no right to make a pid namespace: shown with the journal alone, in test/journal/file-lock.test.ts');
    return;
  }
  const env = { DATA_DIR: dataDirectory(t), DATABASE_URL: (await postgres.database()).url };
  const first = await startServing(stage(t), env, APART);
  const { codes } = await bookOf(first.api, 'PAUSED', 40);
  for (const code of codes.slice(0, 10)) assert.equal(await assign(first.api, code, 'ada'), 200);
  const paused = partedProcess(first);
  process.kill(paused, 'SIGSTOP');
  // They wait in the sockets of the first one, which finds them when it goes on.
  const waiting = codes.slice(10, 20).map((code) => assign(first.api, code, 'bob').catch(() => 0));
  const reading = first.api.call('GET', `/coupons/code/${codes[0]}`).then(
    ({ status }) => status,
    () => 0,
  );

  const second = await startServing(stage(t), env, APART);
  for (const code of codes.slice(0, 10)) assert.equal(await assign(second.api, code, 'cleo'), 409, 'it is assigned');
  for (const code of codes.slice(10, 30)) assert.equal(await assign(second.api, code, 'cleo'), 200);
  const ended = first.ended();
  process.kill(paused, 'SIGCONT');
  for (const status of await Promise.all([...waiting, reading])) assert.notEqual(status, 200);
  const { code, lines } = await ended;
  assert.equal(code, EXIT_CODES.fenced, lines.join('\n'));
  assert.equal(lines.filter((line) => /another process/.test(line)).length, 1, lines.join('\n'));

  for (const [n, text] of codes.entries()) {
    const { body } = await second.api.call('GET', `/coupons/code/${text}`);
    assert.equal(body['userId'] ?? null, n < 10 ? 'ada' : n < 30 ? 'cleo' : null, text);
  }
  assert.equal((await second.ended('SIGKILL')).code, 137);
  const third = await startServing(stage(t), env);
  for (const code of codes.slice(10, 30)) assert.equal(await assign(third.api, code, 'dan'), 409, 'it is assigned');
  assert.equal((await third.ended('SIGTERM')).code, 0);
});

test('a bit that flipped in the last record ends the start with the code for damage, and one line with file and offset', async (t) => {
  const env = { DATA_DIR: dataDirectory(t), DATABASE_URL: (await postgres.database()).url };
  const first = await startServing(stage(t), env);
  const { codes } = await bookOf(first.api, 'ROTTEN', 20);
  for (const code of codes) assert.equal(await assign(first.api, code, 'ada'), 200);
  await first.ended('SIGKILL');
  const { path, bytes, offset } = lastCommit(env.DATA_DIR);
  for (const at of [4, 9, 30, 70, 120]) {
    const flipped = Buffer.from(bytes);
    flipped[offset + at] = (flipped[offset + at] ?? 0) ^ 0x20;
    writeFileSync(path, flipped);
    const { code, lines } = await start(stage(t), env).ended();
    assert.equal(code, EXIT_CODES.damaged, lines.join('\n'));
    const [line = ''] = lines.filter((each) => each.includes('journal damaged'));
    assert.ok(line.includes(`journal damaged: ${path} at offset ${offset}: `), lines.join('\n'));
    assert.match(line, /guarantees\.md#damage/);
  }
  writeFileSync(path, bytes);
  const again = await startServing(stage(t), env);
  for (const code of codes) assert.equal(await assign(again.api, code, 'bob'), 409, 'nothing was lost');
  await again.ended('SIGTERM');
});

test('a record that a crash tore is cut, and the log names file, offset and length', async (t) => {
  const env = { DATA_DIR: dataDirectory(t), DATABASE_URL: (await postgres.database()).url };
  const first = await startServing(stage(t), env);
  const { codes } = await bookOf(first.api, 'TORN', 20);
  for (const code of codes) assert.equal(await assign(first.api, code, 'ada'), 200);
  await first.ended('SIGKILL');
  // A commit of several sectors, of which the first one reached the disk.
  const { path, bytes, end } = lastCommit(env.DATA_DIR);
  const sectorEnd = end - (end % 512) + 512;
  const torn = Buffer.from(bytes);
  const header = Buffer.alloc(64);
  bytes.copy(header, 0, lastCommit(env.DATA_DIR).offset);
  header.writeUInt32LE(4000, 8);
  Buffer.concat([header, Buffer.alloc(512, 0x61)]).copy(torn, end, 0, sectorEnd - end);
  writeFileSync(path, torn);
  const again = await startServing(stage(t), env);
  const cut = again
    .output()
    .split('\n')
    .find((line) => line.includes('a crash tore'));
  assert.match(String(cut), new RegExp(`"file":"${path}","offset":${end},"bytes":${sectorEnd - end},`));
  for (const code of codes) assert.equal(await assign(again.api, code, 'bob'), 409, 'nothing was lost');
  await again.ended('SIGTERM');
});

/**
 * The last record with entries in the segment that was written last, and where all records of that
 * end.
 */
function lastCommit(dataDir: string): { path: string; bytes: Buffer; offset: number; end: number } {
  const directory = join(dataDir, 'journal');
  const segments = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.seg'),
  );
  const found = segments.map((name) => {
    const path = join(directory, name);
    const bytes = readFileSync(path);
    let offset = 0;
    let end = 0;
    while (end < bytes.length && bytes.readUInt32LE(end) !== 0) {
      if (bytes.readUInt16LE(end + 14) > 0) offset = end;
      end += Math.ceil((64 + bytes.readUInt32LE(end + 8) + 4) / 8) * 8;
    }
    return { path, bytes, offset, end };
  });
  const withCommits = found.filter(({ bytes, offset }) => offset > 0 && bytes.readUInt16LE(offset + 12) === 4);
  const last = withCommits.at(-1);
  assert.ok(last !== undefined);
  return last;
}
