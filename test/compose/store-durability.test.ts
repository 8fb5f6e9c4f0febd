import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type StoreDurability, watchDurability } from '../../src/compose/store-durability.js';
import { waitFor } from '../journal/wait-for.js';

test('a store whose durability becomes weaker is logged once, when it is read again', async () => {
  const logged: string[] = [];
  const log = {
    warn: (_fields: object, message: string) => void logged.push(`warn ${message}`),
    error: (_fields: object, message: string) => void logged.push(`error ${message}`),
  };
  const lineOf = (line: string, isSafe: boolean): readonly StoreDurability[] => [{ store: 'postgres', line, isSafe }];
  let now = lineOf('fsync on', true);
  let reads = 0;
  const read = async (): Promise<readonly StoreDurability[]> => {
    reads++;
    if (reads === 2) throw new Error('away');
    return now;
  };
  const watch = watchDurability({ first: now, read, log, everyMs: 2 });
  await waitFor(() => reads > 3, 'it is read again');
  assert.deepEqual(logged, ['warn the settings of the stores can not be read again']);
  now = lineOf('fsync off', false);
  const before = reads;
  await waitFor(() => reads > before + 3, 'it is read again');
  watch.close();
  assert.deepEqual(logged.slice(1), ['error fsync off']);
  assert.deepEqual(watch.current(), now);
});
