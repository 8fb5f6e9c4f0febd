import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Command } from '../../src/domain/command.js';
import { asBookId } from '../../src/domain/ids.js';
import { Prefetch } from '../../src/features/coupons/prefetch.js';
import { digest } from '../../src/features/digest.js';
import { createCollector } from '../../src/platform/collector.js';
import type { StringTable } from '../../src/tables/string-table.js';
import { BOOK, lock, OTHER_BOOK, openShard, redeem, seeded, type TestShard } from './shard.js';

const codes = (count: number, prefix: string): string[] => Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
const assign = (userId: string, bookId = BOOK): Command => ({ kind: 'assignRandom', bookId, userId });

/**
 * What is read of a table's texts while `work` runs: the places, none of them where there is
 * nothing.
 */
function readsOf(table: StringTable, work: () => void): Set<number> {
  const places = new Set<number>();
  const { peekText } = table;
  table.peekText = (place) => {
    if (place !== 0) places.add(place);
    return peekText.call(table, place);
  };
  try {
    work();
  } finally {
    table.peekText = peekText;
  }
  return places;
}

const placeOf = (table: StringTable, text: string): number => table.peekOffset(table.find(text));

function expectAll(shard: TestShard, commands: readonly Command[], prefetch: Prefetch): void {
  for (const command of commands) prefetch.expect(shard.state.coupons, command);
  prefetch.run();
}

/** Those of the texts that stand first at their hash, so that the first look finds them. */
const firstOnes = (table: StringTable, texts: readonly string[]): string[] =>
  texts.filter((text) => table.peekIndex(table.peekHash(text)) === table.find(text));

describe('prefetch', () => {
  test('reads the codes and users that are named', () => {
    const shard = openShard();
    shard.addBook({ redeemableBy: 'bearer' }, codes(2_000, 'CODE'));
    for (let n = 0; n < 1_000; n++) shard.run(redeem(`CODE-${n}`, `user-${n}`));
    const { codes: table, users } = shard.state.coupons;
    const known = firstOnes(table.strings, codes(30, 'CODE'));
    assert.ok(known.length > 15, `${known.length} of 30`);
    const named = known.map((code, n) => (n % 2 === 0 ? redeem(code, `user-${n}`) : lock(code, `user-${n}`)));
    const prefetch = new Prefetch(seeded(3));
    const read = readsOf(table.strings, () => expectAll(shard, named, prefetch));
    assert.deepEqual(read, new Set(known.map((code) => placeOf(table.strings, code))));
    const knownUsers = firstOnes(
      users.names,
      known.map((_, n) => `user-${n}`),
    );
    const readUsers = readsOf(users.names, () => expectAll(shard, named, prefetch));
    for (const user of knownUsers) assert.ok(readUsers.has(placeOf(users.names, user)), user);
  });

  test('reads the codes that will be drawn', () => {
    const shard = openShard({}, 11);
    shard.addBook({}, codes(5_000, 'A'));
    shard.addBook({}, codes(5_000, 'B'), OTHER_BOOK);
    while (shard.state.coupons.finishLoading(1_000));
    // The shard's own randomness is at its beginning: nothing was drawn yet.
    const prefetch = new Prefetch(seeded(11));
    const commands = Array.from({ length: 32 }, (_, n) => assign(`user-${n}`, n % 3 === 0 ? OTHER_BOOK : BOOK));
    const read = readsOf(shard.state.coupons.codes.strings, () => expectAll(shard, commands, prefetch));
    const drawn = commands.map((command) => {
      const verdict = shard.run(command);
      assert.ok(verdict.kind === 'change' && verdict.outcome.kind === 'assigned');
      return placeOf(shard.state.coupons.codes.strings, verdict.outcome.code);
    });
    // Where a draw comes upon a place that an earlier one has filled, it was not to be told.
    const told = drawn.filter((place) => read.has(place)).length;
    assert.ok(told >= 30, `${told} of 32`);
  });

  test('changes nothing, whatever it is given', () => {
    const one = openShard({}, 5);
    const other = openShard({}, 5);
    const prefetch = new Prefetch(seeded(5));
    const dice = seeded(6);
    for (const shard of [one, other]) shard.addBook({ redeemableBy: 'bearer' }, codes(700, 'CODE'));
    for (let turn = 0; turn < 40; turn++) {
      const batch = Array.from({ length: 1 + (dice.uint32() % 200) }, () => anyCommand(dice.uint32() % 900));
      expectAll(one, batch, prefetch);
      for (const command of batch) assert.deepEqual(one.run(command), other.run(command));
    }
    assert.deepEqual(digest(one.state, one.nowMs), digest(other.state, other.nowMs));
  });

  test('keeps no reference to a dropped shard', async () => {
    const prefetch = new Prefetch(seeded(1));
    const dropped = (() => {
      const shard = openShard();
      shard.addBook({}, codes(50, 'CODE'));
      expectAll(shard, [assign('a'), assign('b'), redeem('CODE-1', 'a')], prefetch);
      return [shard.state.coupons.codes.strings, shard.state.coupons.users.names].map((table) => new WeakRef(table));
    })();
    // What a weak reference was made for in this turn stays until the next.
    await new Promise(setImmediate);
    createCollector()();
    for (const table of dropped) assert.equal(table.deref(), undefined);
    prefetch.run();
  });

  test('works without random numbers that are not drawn yet', () => {
    const shard = openShard();
    shard.addBook({}, codes(50, 'CODE'));
    const { uint32 } = seeded(1);
    const prefetch = new Prefetch({ uint32, peek: () => undefined });
    assert.equal(
      readsOf(shard.state.coupons.codes.strings, () => expectAll(shard, [assign('a'), assign('b')], prefetch)).size,
      0,
    );
    const none = new Prefetch({ uint32 });
    assert.equal(
      readsOf(shard.state.coupons.codes.strings, () => expectAll(shard, [assign('a'), assign('b')], none)).size,
      0,
    );
  });
});

function anyCommand(n: number): Command {
  const code = `CODE-${n}`;
  const userId = `user-${n % 60}`;
  switch (n % 7) {
    case 0:
      return assign(userId);
    case 1:
      return assign(userId, asBookId('01890000-0000-7000-8000-00000000ffff'));
    case 2:
      return lock(code, userId);
    case 3:
      return { kind: 'unassignCode', code, reason: null };
    case 4:
      return { kind: 'assignCode', code, userId };
    case 5:
      return { kind: 'updateBook', discount: null, bookId: BOOK, patch: { name: `n${n}` }, ifVersion: null };
    default:
      return redeem(code, userId);
  }
}
