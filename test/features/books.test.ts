/** Books: creation, changes, dates, archiving, and the codes that join them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Command } from '../../src/domain/command.js';
import { loadOpenBatch } from '../../src/features/coupons/load.js';
import {
  archive,
  assign,
  assignRandom,
  BOOK,
  checkRow,
  given,
  inWords,
  lock,
  OPEN_BATCH,
  OTHER_BOOK,
  openShard,
  outcomeOf,
  type Row,
  reasonOf,
  redeem,
  SETTINGS,
  START,
  update,
} from './shard.js';

const create = (patch = {}, bookId = OTHER_BOOK): Command => ({
  kind: 'createBook',
  campaignId: null,
  discount: null,
  bookId,
  settings: { ...SETTINGS, ...patch },
  codes: null,
});
const counts = { total: 3, available: 3, assigned: 0, locked: 0, redeemed: 0, redemptions: 0 };
const nothing = { total: 0, available: 0, assigned: 0, locked: 0, redeemed: 0, redemptions: 0 };

const tables: Record<string, readonly Row[]> = {
  'creating a book': [
    {
      name: 'begins it at version 1, empty',
      given: [5],
      when: create(),
      expect: ['bookCreated v1'],
      outcome: {
        kind: 'bookShown',
        offer: { campaignId: null, discount: null },
        book: {
          id: OTHER_BOOK,
          settings: SETTINGS,
          version: 1,
          createdMs: START + 5,
          updatedMs: START + 5,
          archivedMs: null,
        },
        counts: nothing,
      },
    },
    {
      name: 'with codes makes them live in the same change',
      when: (shard) => ({
        kind: 'createBook',
        campaignId: null,
        discount: null,
        bookId: OTHER_BOOK,
        settings: SETTINGS,
        codes: shard.stage(['B-1', null, 'B-3']),
      }),
      expect: ['bookCreated v1', 'codesAdded 2 of 3 from 3'],
      outcome: { counts: { ...nothing, total: 2, available: 2 } },
    },
    { name: 'needs an id that is free', when: create({}, BOOK), expect: 'bookExists' },
    { name: 'can’t end before it begins', when: create({ startMs: START, endMs: START }), expect: 'bookInvalid' },
    {
      name: 'can begin a millisecond before it ends',
      when: create({ startMs: START, endMs: START + 1 }),
      expect: ['bookCreated v1'],
    },
    {
      name: 'can’t have more than one redemption of a code without saying so',
      when: create({ maxRedemptionsPerCode: 2 }),
      expect: 'bookInvalid',
    },
    {
      name: 'can’t bound the redemptions of a code without allowing several',
      when: create({ maxRedemptionsPerCode: 1 }),
      expect: 'bookInvalid',
    },
    {
      name: 'needs its codes staged',
      when: { ...create(), codes: { batchId: 99, size: 1, count: 1, report: {} } } as Command,
      expect: 'batchUnknown',
    },
    {
      name: 'tells of a taken id before it looks at the settings',
      when: create({ startMs: 2, endMs: 1 }, BOOK),
      expect: 'bookExists',
    },
  ],
  'changing a book': [
    {
      name: 'sets what is given and keeps the rest',
      given: [5],
      when: update({ name: 'Spring', maxCodesPerUser: 2 }),
      expect: ['bookUpdated v2'],
      outcome: {
        book: {
          id: BOOK,
          settings: { ...SETTINGS, name: 'Spring', maxCodesPerUser: 2 },
          version: 2,
          createdMs: START,
          updatedMs: START + 5,
          archivedMs: null,
        },
        counts,
      },
    },
    { name: 'needs the book', when: { ...update({}), bookId: OTHER_BOOK } as Command, expect: 'bookNotFound' },
    { name: 'of the version that was asked for is allowed', when: update({}, 1), expect: ['bookUpdated v2'] },
    {
      name: 'of one of the versions that were asked for is allowed',
      when: { ...update({}), ifVersion: [0, 1] } as Command,
      expect: ['bookUpdated v2'],
    },
    {
      name: 'of none of the versions that were asked for is refused',
      when: { ...update({}), ifVersion: [0, 2] } as Command,
      expect: 'bookVersionMismatch',
    },
    {
      name: 'when no version will do is refused',
      when: { ...update({}), ifVersion: [] } as Command,
      expect: 'bookVersionMismatch',
    },
    {
      name: 'can’t bound the redemptions of a code where several are not allowed',
      when: update({ maxRedemptionsPerCode: 1 }),
      expect: 'bookInvalid',
    },
    {
      name: 'can’t forbid several redemptions of a code while their count is bounded',
      given: [update({ allowMultipleRedemptions: true, maxRedemptionsPerCode: 1 })],
      when: update({ allowMultipleRedemptions: false }),
      expect: 'bookInvalid',
    },
    {
      name: 'of another version is refused',
      given: [update({ name: 'Spring' })],
      when: update({ name: 'Summer' }, 1),
      expect: 'bookVersionMismatch',
    },
    {
      name: 'checks the settings that come of it, not the patch alone',
      book: { startMs: START },
      when: update({ endMs: START }),
      expect: 'bookInvalid',
    },
    { name: 'that is archived is refused', given: [archive()], when: update({ name: 'x' }), expect: 'bookArchived' },
    {
      name: 'names the version before the archiving before the settings',
      given: [archive()],
      when: update({ startMs: 2, endMs: 1 }, 1),
      expect: 'bookVersionMismatch',
    },
  ],
  'archiving a book': [
    { name: 'ends its changes', when: archive(), expect: ['bookArchived v2'], outcome: { kind: 'archived' } },
    { name: 'again changes nothing', given: [archive()], when: archive(1), expect: [] },
    { name: 'needs the book', when: { ...archive(), bookId: OTHER_BOOK } as Command, expect: 'bookNotFound' },
    {
      name: 'of another version is refused',
      given: [update({ name: 'Spring' })],
      when: archive(1),
      expect: 'bookVersionMismatch',
    },
    {
      name: 'keeps new codes out',
      given: [archive()],
      when: (shard) => ({ kind: 'addCodes', bookId: BOOK, codes: shard.stage(['B-1']) }),
      expect: 'bookArchived',
    },
  ],
  'adding codes': [
    {
      name: 'makes the batch live, holes left out',
      when: (shard) => ({ kind: 'addCodes', bookId: BOOK, codes: shard.stage([null, 'B-1', 'B-2']) }),
      expect: ['codesAdded 2 of 3 from 3'],
      outcome: { kind: 'codesAdded', total: 5, report: {} },
    },
    {
      name: 'needs the book',
      when: (shard) => ({ kind: 'addCodes', bookId: OTHER_BOOK, codes: shard.stage(['B-1']) }),
      expect: 'bookNotFound',
    },
    {
      name: 'needs the batch staged',
      when: { kind: 'addCodes', bookId: BOOK, codes: { batchId: 99, size: 1, count: 1, report: {} } },
      expect: 'batchUnknown',
    },
    {
      name: 'is possible in a book that has not begun',
      book: { startMs: START + 1000 },
      when: (shard) => ({ kind: 'addCodes', bookId: BOOK, codes: shard.stage(['B-1']) }),
      expect: ['codesAdded 1 of 1 from 3'],
    },
  ],
  'a book’s time': [
    {
      name: 'begins at startDate, to the millisecond',
      book: { startMs: START + 10 },
      given: [10],
      when: assign('A-1', 'ann'),
      expect: ['codeAssigned A-1 ann at +10'],
    },
    {
      name: 'is not before startDate',
      book: { startMs: START + 10 },
      given: [9],
      when: assignRandom('ann'),
      expect: 'bookNotBegun',
    },
    {
      name: 'lasts until the millisecond before endDate',
      book: { endMs: START + 10 },
      given: [9],
      when: assign('A-1', 'ann'),
      expect: ['codeAssigned A-1 ann at +9'],
    },
    {
      name: 'is over at endDate',
      book: { endMs: START + 10 },
      given: [10],
      when: assignRandom('ann'),
      expect: 'bookOver',
    },
    {
      name: 'that is over ends redemption, though a lease still lives',
      book: { endMs: START + 10 },
      given: [assign('A-1', 'ann'), lock('A-1', 'ann'), 10],
      when: redeem('A-1', 'ann'),
      expect: 'bookOver',
    },
    {
      name: 'over and not active is over',
      book: { endMs: START, isActive: false },
      when: assignRandom('ann'),
      expect: 'bookOver',
    },
  ],
};

for (const [subject, rows] of Object.entries(tables)) {
  describe(subject, () => {
    for (const row of rows) test(row.name, () => checkRow(row));
  });
}

test('a refusal that ends with time says when', () => {
  const early = given({ startMs: START + 10 }, []).run(assignRandom('ann'));
  assert.deepEqual(early, {
    kind: 'refused',
    reason: 'bookNotBegun',
    detail: 'This book has not begun.',
    retryAtMs: START + 10,
  });
  const locked = given({}, [assign('A-1', 'ann'), lock('A-1', 'ann')]).run(lock('A-1', 'bob'));
  assert(locked.kind === 'refused');
  assert.equal(locked.retryAtMs, START + 1000);
});

test('staged codes are not visible until they are added', () => {
  const shard = openShard();
  shard.addBook({}, []);
  const codes = shard.stage(['B-1']);
  assert.equal(reasonOf(shard.run(assign('B-1', 'ann'))), 'codeNotFound');
  assert.equal(reasonOf(shard.run(assignRandom('ann'))), 'noneAvailable');
  shard.run({ kind: 'addCodes', bookId: BOOK, codes });
  assert.equal(shard.run(assign('B-1', 'ann')).kind, 'change');
});

test('a batch that is still being loaded can’t go live', () => {
  const shard = openShard();
  shard.addBook({}, []);
  loadOpenBatch(shard.state.coupons, { ...OPEN_BATCH, batchId: 7 });
  shard.state.coupons.stage(7, 2);
  shard.state.coupons.stageCode(7, 0, Buffer.from('C-1'), 0, 3);
  const command = { kind: 'addCodes', bookId: BOOK, codes: { batchId: 7, size: 2, count: 2, report: {} } } as const;
  assert.equal(reasonOf(shard.run(command)), 'batchUnknown');
  shard.state.coupons.stageCode(7, 1, Buffer.from('C-2'), 0, 3);
  shard.state.coupons.completeStage(7);
  assert.equal(shard.state.coupons.isLive(7), false);
  assert.equal(shard.run(command).kind, 'change');
  assert.equal(shard.state.coupons.isLive(7), true);
});

test('codes whose staging was undone can be staged again', () => {
  const shard = openShard();
  shard.addBook({}, ['A-1']);
  const { batchId } = shard.stage(['B-1', null, 'B-2']);
  shard.state.coupons.unstage(batchId);
  const added = shard.run({ kind: 'addCodes', bookId: BOOK, codes: shard.stage(['B-2', 'B-1']) });
  assert(added.kind === 'change');
  assert.deepEqual(added.change.events.map(inWords), ['codesAdded 2 of 2 from 4']);
  assert.equal(shard.run(assign('B-1', 'ann')).kind, 'change');
  assert.equal(shard.state.coupons.codes.strings.count, 3);
});

test('every code is drawn exactly once', () => {
  const shard = openShard();
  const codes = Array.from({ length: 500 }, (_, n) => `CODE-${n}`);
  shard.addBook({}, codes);
  const drawn = codes.map((_, n) => {
    const outcome = outcomeOf(shard.run(assignRandom(`user-${n % 7}`)));
    assert(outcome.kind === 'assigned');
    return outcome.code;
  });
  assert.deepEqual(drawn.toSorted(), codes.toSorted());
  assert.notDeepEqual(drawn, codes, 'in the order of the dice');
  assert.equal(reasonOf(shard.run(assignRandom('ann'))), 'noneAvailable');
});

test('a change of a bearer’s first use chains its two events', () => {
  const shard = given({ redeemableBy: 'bearer' }, []);
  const first = shard.run(lock('A-1', 'ann'));
  const second = shard.run(redeem('A-1', 'ann'));
  assert(first.kind === 'change' && second.kind === 'change');
  const chain = [...first.change.events, ...second.change.events].map((event) => 'prevSeq' in event && event.prevSeq);
  assert.deepEqual(chain, [0, 3, 4]);
  assert.equal(first.change.firstSeq, 3);
  assert.equal(second.change.firstSeq, 5);
});
