import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CHECK_ALL, CHECK_CLEAR, CHECK_DIGITS, checkValue, foldValues } from '../../src/codes/check-system.js';

for (const system of [CHECK_DIGITS, CHECK_CLEAR, CHECK_ALL]) {
  const order = system.symbols.length;
  const values = Array.from({ length: order }, (_, i) => i);
  const multiply = (left: number, right: number) => system.product[left * order + right] as number;

  describe(`the check system of order ${order}`, () => {
    it('is a Latin square, so that every typo of one character changes the fold and it stays changed', () => {
      for (const fixed of values) {
        assert.deepEqual(values.map((x) => multiply(fixed, x)).sort(ascending), values);
        assert.deepEqual(values.map((x) => multiply(x, fixed)).sort(ascending), values);
      }
    });

    it('changes the fold for every swap of two different neighbours after every fold', () => {
      for (const fold of values) {
        for (const x of values) {
          for (const y of values) {
            if (x !== y) assert.notEqual(multiply(multiply(fold, x), y), multiply(multiply(fold, y), x));
          }
        }
      }
    });

    it('divides on both sides', () => {
      for (const left of values) {
        for (const right of values) {
          const result = multiply(left, right);
          assert.equal(system.leftOf[result * order + right], left);
          assert.equal(system.rightOf[left * order + result], right);
        }
      }
    });

    it('finds the one value that brings the fold to 0, wherever it stands', () => {
      const sample = [7, 0, 3, 9, 9, 1, 4].map((value) => value % order);
      for (let at = 0; at <= sample.length; at++) {
        const before = sample.slice(0, at);
        const after = sample.slice(at);
        const zero = values.filter((value) => foldValues(system, [...before, value, ...after]) === 0);
        assert.deepEqual(zero, [checkValue(system, before, after)]);
      }
    });
  });
}

function ascending(a: number, b: number): number {
  return a - b;
}
