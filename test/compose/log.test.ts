import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const LOG_URL = new URL('../../src/compose/log.ts', import.meta.url).href;

/** The lines that a process logs in which `statement` is run with `log` in reach. */
function logged(statement: string): Record<string, unknown>[] {
  const program = `import { createLogger } from ${JSON.stringify(LOG_URL)};
    const log = createLogger({ level: 'info', thread: 'main' });
    ${statement}
    process.exit(0);`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(stderr, '');
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

test('a line is whole although the process exits at once, and names level, time and thread', () => {
  const [line] = logged("log.info('serving');");
  assert.equal(line?.['level'], 'info');
  assert.equal(line?.['thread'], 'main');
  assert.equal(line?.['msg'], 'serving');
  assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('what is below the level is not written', () => {
  assert.deepEqual(logged("log.debug('quiet');"), []);
});

test('tokens, passwords and coupon codes are masked, an error keeps its code', () => {
  const [line] = logged(`log.warn({
    password: 'p', request: { headers: { authorization: 'Bearer x' } }, coupon: { code: 'ABC' },
    err: Object.assign(new Error('gone'), { code: '23505', detail: 'Key (code)=(ABC) already exists.' }) }, 'odd');`);
  assert.equal(line?.['password'], '[masked]');
  assert.deepEqual(line?.['request'], { headers: { authorization: '[masked]' } });
  assert.deepEqual(line?.['coupon'], { code: '[masked]' });
  const err = line?.['err'] as Record<string, unknown> | undefined;
  assert.equal(err?.['message'], 'gone');
  assert.equal(err?.['errorCode'], '23505');
  assert.equal(err?.['detail'], '[masked]');
});
