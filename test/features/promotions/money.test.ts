/** Amounts between JSON numbers, minor units and texts; the currencies of ISO 4217. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import { amountText, decimalText, narrowSymbol } from '../../../src/features/promotions/pricing/amount-text.js';
import { exponentOf } from '../../../src/features/promotions/pricing/currencies.js';
import {
  fromMinorUnits,
  fromTenThousandths,
  goodsTotal,
  toMinorUnits,
  toTenThousandths,
} from '../../../src/features/promotions/pricing/money.js';
import { line } from './offers.js';

const CODE_COUNT = 165;

/** Currencies whose digits of daily use, which Intl knows, are not those of the standard. */
const USED_WITH_FEWER_DIGITS = 'AFN ALL COP HUF IDR IQD IRR KPW LAK LBP MGA MMK PKR SOS SYP YER'.split(' ');

describe('the currencies', () => {
  it('have the exponents of ISO 4217', () => {
    const expected = {
      JPY: 0,
      KRW: 0,
      CLP: 0,
      UYI: 0,
      USD: 2,
      EUR: 2,
      INR: 2,
      MGA: 2,
      IQD: 3,
      KWD: 3,
      TND: 3,
      CLF: 4,
      UYW: 4,
    };
    for (const [code, exponent] of Object.entries(expected)) assert.equal(exponentOf(code), exponent, code);
  });

  it('are the active ones: newer codes are known; withdrawn ones, metals and test codes are not', () => {
    for (const code of ['XCG', 'ZWG', 'SLE', 'VED', 'XAD', 'STN', 'MRU']) assert.equal(exponentOf(code), 2, code);
    for (const code of [
      'ANG',
      'BGN',
      'HRK',
      'ZWL',
      'CUC',
      'SLL',
      'DEM',
      'XAU',
      'XTS',
      'XXX',
      'usd',
      'US',
      '',
      '__proto__',
    ])
      assert.equal(exponentOf(code), null, code);
  });

  it('are as many as on the list, and agree with Intl where daily use is that of the standard', () => {
    const codes = threeLetters().filter((code) => exponentOf(code) !== null);
    assert.equal(codes.length, CODE_COUNT);
    const known = new Set(Intl.supportedValuesOf('currency'));
    for (const code of codes.filter((one) => known.has(one) && !USED_WITH_FEWER_DIGITS.includes(one))) {
      const { maximumFractionDigits } = new Intl.NumberFormat('en', {
        style: 'currency',
        currency: code,
      }).resolvedOptions();
      assert.equal(exponentOf(code), maximumFractionDigits, code);
    }
  });
});

describe('a JSON number', () => {
  const accepted: readonly (readonly [text: string, exponent: number, minor: number])[] = [
    ['0', 2, 0],
    ['-0', 2, 0],
    ['0.1', 2, 10],
    ['0.10', 2, 10],
    ['1.005', 3, 1005],
    ['4.35', 2, 435],
    ['1.15', 2, 115],
    ['8.2', 2, 820],
    ['0.29', 2, 29],
    ['1e2', 2, 10_000],
    ['1.5e1', 0, 15],
    ['1e-2', 2, 1],
    ['1.2345', 4, 12_345],
    ['1e-4', 4, 1],
    ['1005', 0, 1005],
    ['9999999999999.99', 2, 999_999_999_999_999],
    ['9007199254740991', 0, Number.MAX_SAFE_INTEGER],
    ['70368744177663.99', 2, 7_036_874_417_766_399],
  ];
  for (const [text, exponent, minor] of accepted) {
    it(`${text} is ${minor} minor units of 10^-${exponent}`, () => {
      assert.ok(Object.is(toMinorUnits(JSON.parse(text) as number, exponent), minor));
    });
  }

  const refused: readonly (readonly [text: string, exponent: number, why: string])[] = [
    ['1.005', 2, 'has too many fraction digits'],
    ['0.5', 0, 'has too many fraction digits'],
    ['1e-7', 2, 'has too many fraction digits'],
    ['1.00001', 4, 'has too many fraction digits'],
    ['10.001', 2, 'has too many fraction digits'],
    ['-1', 2, 'is negative'],
    ['-0.01', 2, 'is negative'],
    ['9007199254740992', 0, 'is above 2^53 - 1'],
    ['90071992547409.92', 2, 'is above 2^53 - 1 minor units'],
    ['90071992547409.91', 2, 'can’t be told from its neighbour as a JSON number'],
    ['1e21', 0, 'is above 2^53 - 1'],
    ['1e300', 2, 'is above 2^53 - 1'],
    ['1e999', 2, 'is infinite'],
  ];
  for (const [text, exponent, why] of refused) {
    it(`${text} is no amount with ${exponent} fraction digits: it ${why}`, () => {
      assert.equal(toMinorUnits(JSON.parse(text) as number, exponent), null);
    });
  }

  it('that is not a number is no amount', () => assert.equal(toMinorUnits(Number.NaN, 2), null));

  it('with up to 15 digits is read exactly, and comes back as the same text', () => {
    const digits = fc.integer({ min: 0, max: 999_999_999_999_999 });
    fc.assert(
      fc.property(digits, fc.constantFrom(0, 2, 3, 4), (minor, exponent) => {
        const text = decimalText(minor, exponent);
        assert.equal(toMinorUnits(JSON.parse(text) as number, exponent), minor);
        const again = JSON.stringify(fromMinorUnits(minor, exponent));
        assert.equal(again.includes('e') ? Number(again) : again, again.includes('e') ? Number(text) : text);
      }),
      { numRuns: 2000 },
    );
  });

  it('of any size is read as the one amount that prints like it, or refused', () => {
    const large = fc.integer({ min: 999_999_999_999_000, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(large, fc.constantFrom(2, 3, 4), (minor, exponent) => {
        const read = toMinorUnits(fromMinorUnits(minor, exponent), exponent);
        assert.ok(read === null || read === minor, `${minor} was read as ${read}`);
      }),
      { numRuns: 2000 },
    );
  });

  it('as a percentage has at most four fraction digits', () => {
    assert.deepEqual([20, 12.5, 33.3333, 0.0001, 100].map(toTenThousandths), [200_000, 125_000, 333_333, 1, 1_000_000]);
    assert.deepEqual([33.33333, -1].map(toTenThousandths), [null, null]);
    assert.deepEqual([200_000, 125_000, 333_333, 1].map(fromTenThousandths), [20, 12.5, 33.3333, 0.0001]);
  });
});

describe('the sum of the lines', () => {
  const most = Number.MAX_SAFE_INTEGER;

  it('counts each line as often as its quantity', () => {
    assert.equal(goodsTotal([line('a', 1250, 2), line('b', 799)], null), 3299);
    assert.equal(goodsTotal([], 500), 0);
  });

  it('may be 2^53 - 1 with the shipping, and no more', () => {
    assert.equal(goodsTotal([line('a', most)], null), most);
    assert.equal(goodsTotal([line('a', most - 5)], 5), most - 5);
    assert.equal(goodsTotal([line('a', most - 5)], 6), null);
    assert.equal(goodsTotal([line('a', most), line('b', 1)], null), null);
    assert.equal(goodsTotal([line('a', 2 ** 40, 2 ** 13)], null), null);
  });
});

test('an amount in a message has the symbol, and fraction digits only where there are some', () => {
  const texts = [
    amountText(50_000, 'INR', narrowSymbol('INR')),
    amountText(50_000, 'INR', ''),
    amountText(1250, 'USD', narrowSymbol('USD')),
    amountText(1250, 'USD', ''),
    amountText(5, 'USD', '$'),
    amountText(1000, 'JPY', narrowSymbol('JPY')),
    amountText(1500, 'KWD', narrowSymbol('KWD')),
    amountText(1250, 'CHF', narrowSymbol('CHF')),
    amountText(100_000_000, 'EUR', narrowSymbol('EUR')),
    amountText(0, 'EUR', narrowSymbol('EUR')),
  ];
  const expected = ['₹500', '500', '$12.50', '12.50', '$0.05', '¥1000', 'KWD 1.500', 'CHF 12.50', '€1000000', '€0'];
  assert.deepEqual(texts, expected);
});

test('the symbol of a code that is no currency is the code', () => {
  assert.deepEqual(['CAD', 'XXX', 'no'].map(narrowSymbol), ['$', 'XXX', 'no']);
});

function threeLetters(): string[] {
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  return letters.flatMap((a) => letters.flatMap((b) => letters.map((c) => a + b + c)));
}
