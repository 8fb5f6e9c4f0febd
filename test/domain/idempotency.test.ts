/** One idempotency key, one effect: what is remembered, for whom, and for how long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asBookId } from '../../src/domain/ids.js';
import {
  archive,
  assign,
  assignRandom,
  BOOK,
  given,
  inWords,
  OPTIONS,
  OTHER_BOOK,
  openShard,
  outcomeOf,
  reasonOf,
  redeem,
  SETTINGS,
  update,
} from '../features/shard.js';

test('the same key again gets the same outcome and sequence, and changes nothing', () => {
  const shard = given({}, []);
  const first = shard.run(assignRandom('ann'), { key: 'k' });
  const { seq } = shard.state;
  shard.run(assignRandom('bob'));
  shard.nowMs += 5;
  assert.deepEqual(shard.run(assignRandom('ann'), { key: 'k' }), { kind: 'replay', outcome: outcomeOf(first), seq });
});

test('every kind of outcome comes back word for word', () => {
  const shard = given({ redeemableBy: 'bearer', metadata: { größe: [1, { tief: null }] } }, []);
  const metadata = { order: 'ä-17', lines: [1, 2.5, null] };
  const commands = [
    update({ name: 'Frühling — “quoted” \\ \u{1f381}' }),
    { kind: 'addCodes', bookId: BOOK, codes: { ...shard.stage(['B-1']), report: { received: 1, errors: [] } } },
    assign('B-1', 'zoë'),
    assignRandom('ann'),
    { kind: 'lockCode', code: 'B-1', userId: 'zoë', ttlMs: 77 },
    { kind: 'unlockCode', code: 'B-1', userId: 'zoë', lockId: null },
    { kind: 'redeemCode', code: 'B-1', userId: 'zoë', lockId: null, metadata },
    () =>
      ({
        kind: 'rollbackRedemption',
        code: 'B-1',
        redemptionId: shard.state.coupons.redemptions.id(0),
        reason: 'x',
      }) as const,
    { kind: 'unassignCode', code: 'B-1', reason: 'x' },
    archive(),
  ] as const;
  commands.forEach((step, n) => {
    const command = typeof step === 'function' ? step() : step;
    const first = shard.run(command, { key: `key-${n}`, fingerprint: 2 ** 53 - 1 - n });
    assert.equal(first.kind, 'change', command.kind);
    const again = shard.run(command, { key: `key-${n}`, fingerprint: 2 ** 53 - 1 - n });
    assert.equal(again.kind, 'replay');
    assert.deepEqual(outcomeOf(again), outcomeOf(first));
  });
});

test('a key belongs to one request: another fingerprint is refused', () => {
  const shard = given({}, []);
  shard.run(assignRandom('ann'), { key: 'k', fingerprint: 1 });
  assert.equal(reasonOf(shard.run(assignRandom('bob'), { key: 'k', fingerprint: 2 })), 'idempotencyKeyReused');
});

test('fingerprints that differ only above 32 bits differ', () => {
  const shard = given({}, []);
  shard.run(assignRandom('ann'), { key: 'k', fingerprint: 1 });
  assert.equal(
    reasonOf(shard.run(assignRandom('ann'), { key: 'k', fingerprint: 1 + 2 ** 32 })),
    'idempotencyKeyReused',
  );
});

test('a refused command is not remembered', () => {
  const shard = given({}, []);
  assert.equal(reasonOf(shard.run(redeem('A-1', 'ann'), { key: 'k', fingerprint: 1 })), 'codeNotFound');
  assert.equal(shard.run(assign('A-1', 'ann'), { key: 'k', fingerprint: 2 }).kind, 'change');
});

test('keys of different callers and books are different keys', () => {
  const shard = given({}, []);
  shard.addBook({}, ['B-1'], OTHER_BOOK);
  assert.equal(shard.run(assign('A-1', 'ann'), { key: 'k' }).kind, 'change');
  assert.equal(shard.run(assign('B-1', 'ann'), { key: 'k' }).kind, 'change');
  assert.equal(shard.run(assign('A-2', 'ann'), { key: 'k', caller: 'shop' }).kind, 'change');
  assert.equal(shard.run(assign('A-3', 'ann'), { key: 'k' }).kind, 'replay');
});

test('callers and keys that are equal when concatenated are different', () => {
  const shard = given({}, []);
  assert.equal(shard.run(assign('A-1', 'ann'), { caller: 'a', key: 'bc' }).kind, 'change');
  assert.equal(shard.run(assign('A-2', 'ann'), { caller: 'ab', key: 'c' }).kind, 'change');
});

test('the key of a creation belongs to no book', () => {
  const shard = openShard();
  const create = (id: string) =>
    shard.run(
      { kind: 'createBook', campaignId: null, discount: null, bookId: asBookId(id), settings: SETTINGS, codes: null },
      { key: 'k' },
    );
  const first = create('book-a');
  const again = create('book-b');
  assert.equal(first.kind, 'change');
  assert.equal(again.kind, 'replay');
  assert.deepEqual(outcomeOf(again), outcomeOf(first));
});

test('a success that changed nothing is noted, so that its key is remembered', () => {
  const shard = given({}, [assign('A-1', 'ann')]);
  const noted = shard.run(assign('A-1', 'ann'), { key: 'k' });
  assert(noted.kind === 'change');
  assert.deepEqual(noted.change.events.map(inWords), ['noted']);
  const replay = shard.run(assign('A-1', 'ann'), { key: 'k' });
  assert.deepEqual(replay, { kind: 'replay', outcome: noted.outcome, seq: shard.state.seq });
});

test('a key is valid until its deadline, to the millisecond', () => {
  const shard = given({}, []);
  shard.run(assign('A-1', 'ann'), { key: 'k' });
  shard.nowMs += OPTIONS.idempotencyTtlMs - 1;
  assert.equal(shard.run(assign('A-1', 'ann'), { key: 'k' }).kind, 'replay');
  shard.nowMs += 1;
  const late = shard.run(assign('A-2', 'ann'), { key: 'k', fingerprint: 2 });
  assert.equal(late.kind, 'change');
  assert.equal(shard.state.remembered.count, 1, 'the old one is forgotten');
});

test('a replay is answered although the book was archived meanwhile', () => {
  const shard = given({}, []);
  shard.run(assign('A-1', 'ann'), { key: 'k' });
  shard.run(archive());
  assert.equal(shard.run(assign('A-1', 'ann'), { key: 'k' }).kind, 'replay');
});

test('a full memory refuses new keys, answers known ones, and has room again when the old ones end', () => {
  const shard = openShard({ idempotencyBytesMax: 2_000 });
  shard.addBook(
    {},
    Array.from({ length: 100 }, (_, n) => `CODE-${n}`),
  );
  let accepted = 0;
  while (shard.run(assignRandom('ann'), { key: `key-${accepted}` }).kind === 'change') accepted++;
  assert(accepted > 2 && accepted < 50, `${accepted} keys in 2,000 bytes`);
  assert.equal(reasonOf(shard.run(assignRandom('ann'), { key: 'one more' })), 'idempotencyMemoryFull');
  assert.equal(shard.run(assignRandom('ann'), { key: 'key-0' }).kind, 'replay');
  assert.equal(shard.run(assignRandom('ann')).kind, 'change', 'without a key there is nothing to remember');
  shard.nowMs += OPTIONS.idempotencyTtlMs;
  assert.equal(shard.run(assignRandom('ann'), { key: 'one more' }).kind, 'change');
  assert.equal(shard.state.remembered.count, 1);
});
