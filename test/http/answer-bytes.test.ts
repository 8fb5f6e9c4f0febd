import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AnswerBytes } from '../../src/http/fast/answer-bytes.js';

const textOf = (out: AnswerBytes): string => Buffer.from(out.written).toString('utf8');

describe('bytes of an answer', () => {
  test('stand behind the beginning, anew each time', () => {
    const out = new AnswerBytes('Type: json\r\nId: ');
    assert.equal(textOf(out.begin().ascii('a-1').ascii('!')), 'Type: json\r\nId: a-1!');
    assert.equal(textOf(out.begin().ascii('b')), 'Type: json\r\nId: b');
    assert.equal(textOf(out.begin()), 'Type: json\r\nId: ');
  });

  test('hold every integer up to 2^53 - 1', () => {
    const out = new AnswerBytes('');
    const around = Array.from({ length: 15 }, (_, n) => 10 ** (n + 1)).flatMap((power) => [
      power - 1,
      power,
      power + 1,
    ]);
    for (const value of [0, 1, 7, 2 ** 31, 2 ** 32, 2 ** 53 - 1, ...around]) {
      assert.equal(textOf(out.begin().whole(value)), String(value));
    }
  });

  test('hold any text as JSON', () => {
    const out = new AnswerBytes('');
    const texts = [
      '',
      'ann',
      'a "b" c',
      'back\\slash',
      'tab\t',
      '\u007f',
      'Zoë',
      '日本',
      '😀',
      'half \ud83d',
      '\u2028',
      'é'.repeat(128),
    ];
    for (const text of texts)
      assert.equal(textOf(out.begin().ascii('[').json(text).ascii(']')), `[${JSON.stringify(text)}]`);
  });

  test('do not depend on what was written before', () => {
    let seed = 1;
    const below = (n: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * n);
    };
    // Few texts, of few lengths, so that turns often meet what they met before: the same, or
    // another in its place.
    const texts = ['a', 'b', 'ab', 'cd', 'abc', 'xyz', '","code":"', '', 'é', '"'];
    const reused = new AnswerBytes('Type: ');
    for (let answer = 0; answer < 5_000; answer++) {
      const fresh = new AnswerBytes('Type: ');
      reused.begin();
      for (let pieces = below(answer % 50 === 0 ? 60 : 6); pieces > 0; pieces--) {
        const text = texts[below(texts.length)] as string;
        const kind = below(10);
        for (const out of [reused, fresh]) {
          if (kind === 0) out.whole(text.length * 7);
          else if (kind === 1 || !/^[a-z",:]*$/.test(text)) out.json(text);
          else out.ascii(text);
        }
      }
      assert.equal(textOf(reused), textOf(fresh));
    }
  });

  test('never exceed the capacity', () => {
    const out = new AnswerBytes('x');
    assert.equal(out.begin().ascii('y'.repeat(4095)).written.length, 4096);
    assert.throws(() => out.ascii('z'), RangeError);
    assert.throws(() => out.whole(1), RangeError);
    assert.throws(() => out.json(''), RangeError);
    assert.throws(() => out.json('ü'), RangeError);
    assert.equal(textOf(out.begin().ascii('good')), 'xgood');
    const [long, other] = ['y'.repeat(3000), 'z'.repeat(3000)];
    const wanted = out.begin().ascii('a').ascii(long).written.slice();
    assert.throws(() => out.begin().ascii(other).ascii(long), RangeError);
    assert.deepEqual(out.begin().ascii('a').ascii(long).written, wanted, 'what had no room is not taken to be there');
  });
});
