/** The structures under the rules: columns, strings, leases, users, the pool. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { getHeapStatistics } from 'node:v8';
import { below } from '../../src/domain/random.js';
import { AVAILABLE, CodeRecords, CodeTable, IN_USE, STAGED } from '../../src/features/coupons/code-table.js';
import { LeaseHeap } from '../../src/features/coupons/lease-heap.js';
import { Pool } from '../../src/features/coupons/pool.js';
import { UserTable } from '../../src/features/coupons/user-table.js';
import { FIXED_HASH_KEY } from '../../src/tables/keyed-hash.js';
import { byteColumn, float64Column, uint32Column } from '../../src/tables/paged.js';
import { Rows } from '../../src/tables/rows.js';
import { StringTable } from '../../src/tables/string-table.js';
import { decode, encode, hashBytes, hashText, scratch } from '../../src/tables/text.js';
import { seeded } from './shard.js';

const random = seeded(7);
const dice = (sides: number): number => below(random, sides);

describe('columns', () => {
  const columns = { bytes: byteColumn, 'unsigned 32-bit integers': uint32Column, doubles: float64Column };
  for (const [name, create] of Object.entries(columns)) {
    test(`of ${name} read back what was written, wherever, and 0 elsewhere`, () => {
      const column = create();
      const rows = [0, 1, 15, 16, 17, 1023, 16_383, 16_384, 32_767, 32_768, 100_000, 1_000_000];
      for (const row of rows) assert.equal(column.get(row), 0);
      rows.forEach((row, n) => void column.set(row, n + 1));
      for (const [n, row] of rows.entries()) assert.equal(column.get(row), n + 1, `row ${row}`);
      for (const row of [2, 14, 18, 16_382, 16_385, 99_999, 999_999, 1_000_001, 5_000_000]) {
        assert.equal(column.get(row), 0, `row ${row}`);
      }
    });
  }

  test('that lie side by side in rows don’t touch each other', () => {
    const rows = new Rows(6);
    const fields = [rows.double(0), rows.word(2), rows.word(3), rows.double(2)];
    const numbers = [0, 15, 16, 16_383, 16_384, 100_000];
    for (const row of numbers) {
      for (const field of fields) assert.equal(field.get(row), 0);
      fields.forEach((field, n) => void field.set(row, row * 10 + n));
    }
    for (const row of numbers) {
      assert.deepEqual(
        fields.map((field) => field.get(row)),
        fields.map((_, n) => row * 10 + n),
      );
    }
    assert.equal(fields[3]?.get(99_999), 0);
    fields[0]?.set(7, Number.MAX_SAFE_INTEGER);
    assert.equal(fields[0]?.get(7), Number.MAX_SAFE_INTEGER);
  });

  test('hold their extremes', () => {
    const [integers, doubles] = [uint32Column(), float64Column()];
    integers.set(3, 2 ** 32 - 1);
    doubles.set(3, Number.MAX_SAFE_INTEGER);
    assert.deepEqual([integers.get(3), doubles.get(3)], [2 ** 32 - 1, Number.MAX_SAFE_INTEGER]);
  });

  test('of a few rows take a few bytes', () => {
    const column = uint32Column();
    column.set(9, 1);
    assert(column.bytes() <= 256, `${column.bytes()} bytes`);
  });
});

const stringTable = () => new StringTable(FIXED_HASH_KEY, uint32Column());
const TEXTS = [
  '',
  'A',
  'ABCD-EFGH-JKLM-NPQR',
  'größe',
  '优惠券',
  '\u{1f381} gift',
  'lone \ud83c surrogate',
  '\u0000\u007f\u0080\u07ff\u0800\uffff',
  'x'.repeat(254),
  'x'.repeat(255),
  'x'.repeat(256),
  'ü'.repeat(5_000),
];

describe('text', () => {
  test('comes back from its bytes', () => {
    for (const text of TEXTS) {
      encode(text);
      assert.equal(decode(scratch.bytes.slice(0, scratch.length), 0, scratch.length), text);
    }
  });

  test('that is well formed is UTF-8 outside the astral planes', () => {
    for (const text of ['ABC', 'größe', '优惠券']) {
      encode(text);
      assert.deepEqual(Buffer.from(scratch.bytes.subarray(0, scratch.length)), Buffer.from(text));
    }
  });

  test('has the hash of its bytes, on which shards of books and slots of codes depend for good', () => {
    for (const text of TEXTS) {
      for (const seed of [0, 1, 0x0b0_0c5d]) {
        encode(text);
        assert.equal(hashText(text, seed), hashBytes(scratch.bytes.slice(), 0, scratch.length, seed), text);
      }
    }
    // Whatever else changes, this one stays.
    assert.equal(hashText('01890000-0000-7000-8000-000000000001', 0x0b0_0c5d), 3826502587);
  });

  test('hashes spread over all bits, and differ by seed', () => {
    const ones = new Array<number>(32).fill(0);
    const count = 20_000;
    let same = 0;
    for (let n = 0; n < count; n++) {
      encode(`CODE-${n}`);
      const hash = hashBytes(scratch.bytes, 0, scratch.length, 0);
      if (hash === hashBytes(scratch.bytes, 0, scratch.length, 1)) same++;
      for (let bit = 0; bit < 32; bit++) ones[bit] = (ones[bit] ?? 0) + ((hash >>> bit) & 1);
    }
    assert(same <= 1);
    for (const set of ones) assert(Math.abs(set / count - 0.5) < 0.02, `${set} of ${count}`);
  });
});

describe('the string table', () => {
  test('finds by string what it holds by number', () => {
    const table = stringTable();
    TEXTS.forEach((text, n) => {
      assert.equal(table.find(text), -1);
      table.add(n * 3, text);
    });
    for (const [n, text] of TEXTS.entries()) {
      assert.equal(table.find(text), n * 3);
      assert.equal(table.text(n * 3), text);
      assert(table.has(n * 3) && !table.has(n * 3 + 1));
    }
    assert.equal(table.count, TEXTS.length);
  });

  test('refuses a string that fits into no chunk', () => {
    assert.throws(() => stringTable().add(0, 'x'.repeat(300_000)), /too long/);
  });

  test('has no text at an unused index', () => {
    assert.throws(() => stringTable().text(5), /no string/);
  });

  test('finds every string at every moment of its growth', () => {
    const table = stringTable();
    const model = new Map<string, number>();
    const live: string[] = [];
    for (let n = 0; n < 60_000; n++) {
      const text = n % 5 === 0 ? `kód-${n}` : `CODE-${n}`;
      table.add(n, text);
      model.set(text, n);
      live.push(text);
      if (n % 3 === 2) {
        const at = dice(live.length);
        const gone = live[at] as string;
        table.remove(model.get(gone) as number);
        assert.equal(table.find(gone), -1);
        model.delete(gone);
        live[at] = live.at(-1) as string;
        live.pop();
      }
      // Old and new, hit and miss, right while a rehash is under way.
      const sample = live[dice(live.length)] as string;
      assert.equal(table.find(sample), model.get(sample));
      assert.equal(table.find(`NONE-${n}`), -1);
      assert.equal(table.find(text), model.get(text) ?? -1);
    }
    assert.equal(table.count, model.size);
    for (const [text, index] of model) assert.equal(table.find(text), index);
  });

  test('loses no string that the rehash is moving', () => {
    const table = stringTable();
    const texts = Array.from({ length: 900 }, (_, n) => `CODE-${n}`);
    for (const [n, text] of texts.entries()) {
      table.add(n, text);
      // The first 1,024 slots are moved on while these come in.
      if (n > 600) for (let known = 0; known <= n; known++) assert.equal(table.find(texts[known] as string), known);
    }
  });

  test('takes the same string under another number once it was removed', () => {
    const table = stringTable();
    for (let n = 0; n < 5_000; n++) {
      table.add(n, 'SAME');
      assert.equal(table.find('SAME'), n);
      table.remove(n);
    }
    assert.equal(table.find('SAME'), -1);
    assert.equal(table.count, 0);
  });

  test('that reserved room takes many strings without a rehash, and keeps the earlier ones', () => {
    const table = stringTable();
    for (let n = 0; n < 3_000; n++) table.add(n, `CODE-${n}`);
    table.expect(50_000);
    const expected = table.bytes();
    for (let n = 3_000; n < 53_000; n++) {
      table.add(n, `CODE-${n}`);
      const sample = dice(n + 1);
      assert.equal(table.find(`CODE-${sample}`), sample);
    }
    assert(table.bytes() < expected + 53_000 * 12 + 2 ** 18, 'only the texts were added');
  });

  test('has a maximum size', () => {
    assert.throws(() => stringTable().add(2 ** 27 - 2, 'A'), /no place/);
  });

  test('finds bytes in the middle of others', () => {
    const table = stringTable();
    const bytes = Buffer.from('<ABC>');
    table.addBytes(4, bytes, 1, 4);
    assert.equal(table.findBytes(Buffer.from('--ABC'), 2, 5), 4);
    assert.equal(table.findBytes(bytes, 0, 4), -1);
  });
});

test('the lease heap always knows which lease ends first', () => {
  const records = new CodeRecords();
  const heap = new LeaseHeap(records);
  const model = new Map<number, number>();
  const lockIds = new Map<number, number>();
  for (let record = 0; record < 200; record++) records.add(record);
  for (let turn = 0; turn < 20_000; turn++) {
    const record = dice(200);
    if (dice(3) === 0) {
      heap.remove(record);
      model.delete(record);
    } else {
      const untilMs = 1 + dice(500);
      heap.put(record, turn + 1, untilMs);
      model.set(record, untilMs);
      lockIds.set(record, turn + 1);
    }
    const first = heap.first();
    const deadline = model.size === 0 ? undefined : Math.min(...model.values());
    assert.equal(heap.count, model.size);
    assert.equal(first === -1 ? undefined : model.get(first), deadline);
    const other = dice(200);
    const isHeld = model.has(other);
    assert.deepEqual(
      [heap.lockId(other), heap.untilMs(other)],
      isHeld ? [lockIds.get(other), model.get(other)] : [0, 0],
    );
  }
  const order: number[] = [];
  for (let first = heap.first(); first !== -1; first = heap.first()) {
    order.push(heap.untilMs(first));
    heap.remove(first);
  }
  assert.deepEqual(
    order,
    [...model.values()].sort((a, b) => a - b),
  );
});

test('the user table keeps the list and the counts of every user', () => {
  const users = new UserTable(FIXED_HASH_KEY);
  const records = new CodeRecords();
  const lists = new Map<string, Set<number>>();
  const ownerOf = new Map<number, string>();
  for (let turn = 0; turn < 20_000; turn++) {
    const record = dice(300);
    const owner = ownerOf.get(record);
    if (owner === undefined) {
      const name = `user-${dice(40)}`;
      const user = users.findOrAdd(name);
      users.link(records, user, record);
      users.count(record % 3, user, 1, 2);
      ownerOf.set(record, name);
      lists.set(name, (lists.get(name) ?? new Set()).add(record));
    } else {
      const user = users.find(owner);
      users.unlink(records, user, record);
      users.count(record % 3, user, -1, -2);
      ownerOf.delete(record);
      lists.get(owner)?.delete(record);
    }
  }
  for (const [name, list] of lists) {
    const user = users.find(name);
    assert.equal(users.name(user), name);
    const found: number[] = [];
    for (let record = users.firstRecord(user); record !== -1; record = records.nextOfUser.get(record) - 1) {
      found.push(record);
    }
    assert.deepEqual(
      found.sort((a, b) => a - b),
      [...list].sort((a, b) => a - b),
    );
    for (let book = 0; book < 3; book++) {
      const inBook = found.filter((record) => record % 3 === book).length;
      assert.deepEqual([users.codesIn(book, user), users.redemptionsIn(book, user)], [inBook, 2 * inBook]);
    }
  }
  assert.equal(users.find('nobody'), -1);
  assert.equal(users.codesIn(9, 0), 0);
});

test('the user table tells a thousand books of a thousand users apart', () => {
  const users = new UserTable(FIXED_HASH_KEY);
  for (let n = 0; n < 1000; n++) users.findOrAdd(`user-${n}`);
  const expected = new Map<string, number>();
  for (let n = 0; n < 40_000; n++) {
    const [book, user] = [dice(1000), dice(1000)];
    users.count(book, user, 1, 0);
    expected.set(`${book} ${user}`, (expected.get(`${book} ${user}`) ?? 0) + 1);
    // At any moment of the growth, whoever came before is found.
    const [known] = expected.keys();
    const [knownBook, knownUser] = (known ?? '').split(' ').map(Number) as [number, number];
    assert.equal(users.codesIn(knownBook, knownUser), expected.get(known ?? ''));
    assert.equal(users.codesIn(1000, user), 0);
  }
  for (const [pair, count] of expected) {
    const [book, user] = pair.split(' ').map(Number) as [number, number];
    assert.equal(users.codesIn(book, user), count);
  }
});

describe('the pool', () => {
  const filled = (count: number) => {
    const codes = new CodeTable(FIXED_HASH_KEY);
    const pool = new Pool(codes, 0);
    for (let index = 0; index < count; index++) pool.put(index);
    return pool;
  };

  test('draws without bias: chi-squared of 1,000,000 draws from 1,000 codes', () => {
    const pool = filled(1_000);
    const drawn = new Array<number>(1_000).fill(0);
    const draws = 1_000_000;
    for (let n = 0; n < draws; n++) {
      const index = pool.draw(random);
      drawn[index] = (drawn[index] ?? 0) + 1;
      // Draw, take and give back: the places change, the odds may not.
      if (n % 10 === 0) {
        pool.take(index);
        pool.put(index);
      }
    }
    const expected = draws / 1_000;
    const chiSquared = drawn.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 999 degrees of freedom: between these lie all but one in a million runs; the seed is fixed.
    assert(chiSquared > 795 && chiSquared < 1_230, `chi-squared is ${chiSquared}`);
  });

  test('draws every code once', () => {
    const pool = filled(500);
    const seen = new Set<number>();
    while (pool.count > 0) {
      const index = pool.draw(random);
      assert(!seen.has(index));
      seen.add(index);
      pool.take(index);
    }
    assert.equal(seen.size, 500);
  });

  test('codes that join are drawn and taken at once, whatever settling has come to, and without bias', () => {
    const codes = new CodeTable(FIXED_HASH_KEY);
    const pool = new Pool(codes, 7);
    for (let index = 0; index < 100; index++) pool.add(index);
    pool.join(100, 1_000);
    assert.equal(pool.count, 1_000);
    assert.equal(codes.phase(500), AVAILABLE);
    assert.equal(codes.book(500), 7);
    // Some have their places, some taken out of the middle before they were, some of those given
    // back.
    assert.equal(pool.finishLoading(250), true);
    const taken = new Set<number>();
    for (let index = 300; index < 400; index += 2) {
      pool.take(index);
      codes.setPhase(index, IN_USE);
      taken.add(index);
    }
    for (let index = 300; index < 350; index += 2) {
      codes.setPhase(index, AVAILABLE);
      pool.put(index);
      taken.delete(index);
    }
    assert.equal(pool.count, 1_000 - taken.size);
    const drawn = new Array<number>(1_000).fill(0);
    const draws = 1_000_000;
    for (let n = 0; n < draws; n++) {
      const index = pool.draw(random);
      drawn[index] = (drawn[index] ?? 0) + 1;
    }
    for (const index of taken) assert.equal(drawn[index], 0);
    const expected = draws / pool.count;
    const chiSquared = drawn.reduce(
      (sum, count, n) => sum + (taken.has(n) ? 0 : (count - expected) ** 2 / expected),
      0,
    );
    // 974 degrees of freedom, one in a million on either side.
    assert(chiSquared > 773 && chiSquared < 1_202, `chi-squared is ${chiSquared}`);
    while (pool.finishLoading(100));
    assert.equal(codes.joining.size, 0);
    const seen = new Set(taken);
    for (; pool.count > 0; ) {
      const index = pool.draw(random);
      assert(!seen.has(index));
      seen.add(index);
      pool.take(index);
      codes.setPhase(index, IN_USE);
    }
    assert.equal(seen.size, 1_000);
  });

  test('a second batch may join while the first is settling', () => {
    const codes = new CodeTable(FIXED_HASH_KEY);
    const pool = new Pool(codes, 0);
    pool.join(0, 10_000);
    pool.finishLoading(10);
    pool.join(20_000, 20_005);
    assert.equal(pool.count, 10_005);
    assert.equal(codes.phase(9_999), AVAILABLE);
    assert.equal(codes.phase(20_004), AVAILABLE);
    assert.equal(codes.phase(15_000), STAGED);
  });

  test('refuses to take what isn’t in it', () => {
    const pool = filled(3);
    pool.take(1);
    assert.throws(() => pool.take(1), /not in its pool/);
    for (const index of [0, 2]) pool.take(index);
    assert.throws(() => pool.take(2), /not in its pool/);
  });
});

describe('drawing a number', () => {
  test('rejects values that would favour small numbers', () => {
    // Of 2^32 values, 2^32 % 3 = 1 is left over: the last one is drawn again.
    const values = [2 ** 32 - 1, 5];
    assert.equal(below({ uint32: () => values.shift() ?? 0 }, 3), 2);
    assert.deepEqual(values, []);
  });

  test('needs a bound', () => {
    for (const bound of [0, -1, Number.NaN, 2 ** 32 + 1]) assert.throws(() => below(random, bound), RangeError);
    assert.equal(below(random, 1), 0);
    assert(below(random, 2 ** 32) >= 0);
  });
});

test('the tables of a million codes are not counted by the collector, which could free none of them', () => {
  const external = (): number => getHeapStatistics().external_memory;
  const codes = new CodeTable(FIXED_HASH_KEY);
  const before = external();
  for (let index = 0; index < 1_000_000; index++) {
    codes.strings.add(index, `CODE-${index}`);
    codes.setPoolPlace(index, index);
  }
  assert.ok(codes.bytes() > 30_000_000, `${codes.bytes()} bytes held`);
  assert.ok(external() - before < 1_000_000, `${external() - before} bytes counted`);
});
