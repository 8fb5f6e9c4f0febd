import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { localText, readInstant, readTimeZone } from '../../src/promotions/dates.js';

describe('an instant', () => {
  const readable: [text: string, utc: string][] = [
    ['2026-06-30T18:00:00+02:00', '2026-06-30T16:00:00.000Z'],
    ['2026-06-30T18:00:00Z', '2026-06-30T18:00:00.000Z'],
    ['2026-06-30T18:00-03:30', '2026-06-30T21:30:00.000Z'],
    ['2026-06-30T18:00:00.5Z', '2026-06-30T18:00:00.500Z'],
    ['2026-06-30T18:00:00.123999999Z', '2026-06-30T18:00:00.123Z'],
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
  ];
  for (const [text, utc] of readable) {
    it(`${text} is ${utc} in both roles, whatever the time zone`, () => {
      for (const role of ['start', 'end'] as const) {
        for (const timeZone of [null, 'Asia/Tokyo']) {
          const read = readInstant(text, timeZone, role);
          assert.ok('ms' in read, JSON.stringify(read));
          assert.equal(new Date(read.ms).toISOString(), utc);
        }
      }
    });
  }

  it('is shown as the clocks of the time zone show it, and in UTC without one', () => {
    const text = '2026-06-30T18:00:00Z';
    assert.deepEqual(readInstant(text, 'Asia/Kolkata', 'end'), {
      ms: Date.parse(text),
      local: '2026-06-30T23:30:00+05:30[Asia/Kolkata]',
    });
    assert.deepEqual(readInstant(text, null, 'end'), {
      ms: Date.parse(text),
      local: '2026-06-30T18:00:00+00:00[UTC]',
    });
    assert.equal(localText(Date.parse(text) + 7, 'UTC'), '2026-06-30T18:00:00.007+00:00[UTC]');
  });

  const refused: [text: string, reason: RegExp][] = [
    ['2026-06-30T18:00:00', /offset/],
    ['2026-06-30 18:00:00Z', /ISO 8601/],
    ['2026-06-30T18:00:00Z[Europe/Berlin]', /ISO 8601/],
    ['2026-06-30T18Z', /ISO 8601/],
    ['2026-06-30T18:00:60Z', /ISO 8601/],
    ['2026-06-30T24:00:00Z', /out of range/],
    ['2026-02-29T00:00:00Z', /out of range/],
    ['2026-06-30T18:00:00+25:00', /out of range/],
    ['2026-02-29', /There is no day 2026-02-29/],
    ['2026-13-01', /There is no day/],
    ['30.06.2026', /ISO 8601/],
    ['+002026-06-30', /ISO 8601/],
    ['', /ISO 8601/],
  ];
  for (const [text, reason] of refused) {
    it(`is not ${JSON.stringify(text)}`, () => {
      const read = readInstant(text, 'Europe/Berlin', 'start');
      assert.ok('error' in read, JSON.stringify(read));
      assert.match(read.error, reason);
    });
  }

  it('needs a time zone if it is a date alone', () => {
    assert.deepEqual(readInstant('2026-06-30', null, 'end'), { error: 'A date without a time needs a timeZone' });
  });
});

describe('a time zone', () => {
  it('is known by its IANA name in any case, and spelt as the zone data spells it', () => {
    assert.deepEqual(readTimeZone('europe/berlin'), { timeZone: 'Europe/Berlin' });
    assert.deepEqual(readTimeZone('UTC'), { timeZone: 'UTC' });
    assert.deepEqual(readTimeZone('Etc/GMT+5'), { timeZone: 'Etc/GMT+5' });
  });

  for (const text of [
    '',
    '+05:30',
    'Berlin',
    'Europe/Berlin ',
    'Europe/Berlin[x]',
    '__proto__',
    `A${'/A'.repeat(99)}`,
  ]) {
    it(`is not ${JSON.stringify(text.slice(0, 20))}`, () => {
      assert.deepEqual(readTimeZone(text), { error: 'Not an IANA time zone such as Europe/Berlin' });
    });
  }
});
