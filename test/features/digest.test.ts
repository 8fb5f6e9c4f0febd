/** The digest tells states apart by their facts, and by nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from '../../src/domain/command.js';
import type { Change } from '../../src/domain/event.js';
import { asBookId } from '../../src/domain/ids.js';
import { DigestWalk, digest, reportOf } from '../../src/features/digest.js';
import {
  assign,
  BOOK,
  given,
  lock,
  OPTIONS,
  openShard,
  redeem,
  replay,
  rollback,
  type Step,
  seeded,
  unassign,
  update,
} from './shard.js';

const shardAfter = (...steps: Step[]) => given({ metadata: { a: 1, b: { c: 2, d: 3 } } }, steps);

test('replaying the changes, or their JSON, gives the same digest', () => {
  const shard = shardAfter(assign('A-1', 'ann'), lock('A-1', 'ann'), redeem('A-1', 'ann'), assign('A-2', 'bob'), 1000);
  shard.run(assign('A-3', 'cat'), { key: 'k' });
  const expected = digest(shard.state, shard.nowMs);
  assert.match(expected, /^[0-9a-f]{16}$/);
  assert.equal(digest(replay(shard.changes, shard.batches), shard.nowMs), expected);
  const parsed = JSON.parse(JSON.stringify(shard.changes)) as Change[];
  assert.equal(digest(replay(parsed, shard.batches), shard.nowMs), expected);
});

test('every fact counts', () => {
  const steps: readonly (readonly Step[])[] = [
    [],
    [assign('A-1', 'ann')],
    [assign('A-2', 'ann')],
    [assign('A-1', 'bob')],
    [1, assign('A-1', 'ann')],
    [assign('A-1', 'ann'), lock('A-1', 'ann')],
    [assign('A-1', 'ann'), lock('A-1', 'ann', 7)],
    [assign('A-1', 'ann'), redeem('A-1', 'ann')],
    [assign('A-1', 'ann'), unassign('A-1')],
    [update({ name: 'other' })],
    [update({ metadata: { a: 2 } })],
    [update({ maxCodesPerUser: 5 })],
  ];
  const digests = steps.map((taken) => {
    const shard = shardAfter(...taken);
    return digest(shard.state, shard.nowMs);
  });
  assert.equal(new Set(digests).size, steps.length);
});

test('a remembered key counts in the digest until it expires', () => {
  const keyed = (key: string, fingerprint: number) => {
    const shard = shardAfter();
    shard.run(assign('A-1', 'ann'), { key, fingerprint });
    return shard;
  };
  const now = keyed('k', 1).nowMs;
  const digests = [keyed('k', 1), keyed('l', 1), keyed('k', 2), keyed('k', 1 + 2 ** 32)].map(({ state }) =>
    digest(state, now),
  );
  assert.equal(new Set(digests).size, 4);
  const later = now + OPTIONS.idempotencyTtlMs;
  assert.equal(digest(keyed('k', 1).state, later), digest(keyed('l', 1).state, later));
});

test('the order of keys in settings and outcomes doesn’t count, since a database may change it', () => {
  const shard = shardAfter();
  const codes = { ...shard.stage(['B-1']), report: { received: 1, added: 1 } };
  shard.run({ kind: 'addCodes', bookId: BOOK, codes }, { key: 'k' });
  const turned = JSON.parse(
    JSON.stringify(shard.changes, (_, value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    ),
  ) as Change[];
  assert.equal(digest(replay(turned, shard.batches), shard.nowMs), digest(shard.state, shard.nowMs));
});

test('a digest that is taken in steps is that of the moment at which it began, whatever changes in between', () => {
  const CODES = 9_000;
  for (let seed = 1; seed <= 40; seed++) {
    const random = seeded(seed);
    const below = (count: number) => random.uint32() % count;
    const shard = openShard({}, seed);
    const code = () => `C-${below(CODES)}`;
    const settings = { redeemableBy: 'bearer', allowMultipleRedemptions: true } as const;
    shard.addBook(settings, codesNamed('C-', CODES));
    const anything = () => {
      const userId = `user-${below(50)}`;
      const { code: redeemedCode, redemptionId } = redeemed[below(redeemed.length + 1)] ?? none;
      const commands: readonly Command[] = [
        assign(code(), userId),
        lock(code(), userId),
        redeem(code(), userId),
        unassign(code()),
        update({ name: `Name ${below(9)}` }),
        rollback(redeemedCode, redemptionId),
      ];
      shard.nowMs += below(30);
      const verdict = shard.run(commands[below(commands.length)] ?? update({}));
      if (verdict.kind === 'change' && verdict.outcome.kind === 'redeemed') redeemed.push(verdict.outcome);
    };
    const redeemed: { readonly code: string; readonly redemptionId: string }[] = [];
    const none = { code: 'C-0', redemptionId: '' };
    for (let i = 0; i < 400; i++) anything();

    const expected = reportOf(shard.state, shard.nowMs);
    let others = 0;
    const walk = new DigestWalk(shard.state, shard.nowMs);
    shard.state.coupons.observer = walk;
    while (!walk.step(below(1_500))) {
      for (let i = below(40); i > 0; i--) anything();
      if (below(4) === 0) shard.addBook(settings, codesNamed(`D${++others}-`, 10), asBookId(`other-${others}`));
    }
    shard.state.coupons.observer = null;
    assert.deepEqual(walk.report(), expected, `seed ${seed}`);
    assert.notEqual(digest(shard.state, shard.nowMs), expected.digest);
  }
});

const codesNamed = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);
