import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from '../../load/bench/options.js';

test('without options all subjects run side by side, and nothing is published', () => {
  const options = readOptions([]);
  assert.equal(options.mode, 'side-by-side');
  assert.deepEqual(options.connections, [64, 256]);
  assert.equal(options.only.length, 5);
  assert.equal(options.publish, false);
});

test('each mode has its own number of connections and rounds, which can be overruled', () => {
  assert.deepEqual(readOptions(['--matrix']).connections, [256]);
  assert.equal(readOptions(['--sizes']).rounds, 3);
  assert.equal(readOptions(['--sizes', '--short']).rounds, 1);
  assert.equal(readOptions(['--sizes', '--short', '--rounds', '4']).rounds, 4);
  assert.equal(readOptions(['--overload']).connections.at(-1), 4096);
  assert.deepEqual(readOptions(['--overload', '--connections', '16,32']).connections, [16, 32]);
  assert.equal(readOptions(['--sustained', '60']).sustainedSeconds, 60);
  assert.equal(readOptions(['--watched']).rounds, 3);
});

test('contradicting options and invalid numbers are refused by name', () => {
  const refused: [string[], RegExp][] = [
    [['--matrix', '--sizes'], /--matrix, --sizes/],
    [['--sizes', '--connections', '16,32'], /--sizes takes one count/],
    [['--sustained', '60', '--connections', '16,32'], /--sustained takes one count/],
    [['--watched', '--connections', '16,32'], /--watched takes one count/],
    [['--overload', '--only', 'bare'], /--only does not go with --overload/],
    [['--only', 'bare,nobody'], /--only nobody/],
    [['--seconds', '0'], /--seconds 0/],
    [['--sustained', '4000'], /at most 3000/],
    [['--conections', '5'], /conections/],
  ];
  for (const [args, expected] of refused) assert.throws(() => readOptions(args), expected);
});
