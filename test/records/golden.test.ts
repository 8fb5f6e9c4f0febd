/**
 * What the layers make of every record is what the fixtures hold; `npm run golden` writes those
 * anew.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeChanges } from '../../src/journal/codec.js';
import { changeOf, eventCases, outcomeCases, remember } from './cases.js';
import { LAYERS, MAKERS, readGolden } from './golden.js';

const WHAT: Readonly<Record<(typeof LAYERS)[number], string>> = {
  journal: 'entries of the journal',
  messages: 'messages between threads',
  memory: 'remembered outcomes',
  rows: 'rows of the projection',
  history: 'entries of a history',
  answers: 'HTTP answers to commands',
};

test('a journal that holds every record is read back as it was written', () => {
  const golden = readGolden('journal');
  const read = (name: string) => decodeChanges(Buffer.from(golden[name] ?? '', 'hex'));
  assert.deepEqual(read('all in one change'), [changeOf([...eventCases.values()], null)]);
  for (const [name, event] of eventCases) assert.deepEqual(read(name), [changeOf([event], null)]);
  for (const [name, outcome] of outcomeCases)
    assert.deepEqual(read(`remembered ${name}`)[0]?.remembered, remember(outcome));
});

describe('the bytes of records', () => {
  for (const layer of LAYERS) {
    test(`are in ${WHAT[layer]} as they were`, async () => {
      const made = await MAKERS[layer]();
      const golden = readGolden(layer);
      assert.deepEqual(Object.keys(made), Object.keys(golden));
      for (const [name, bytes] of Object.entries(made)) assert.equal(bytes, golden[name], name);
    });
  }
});
