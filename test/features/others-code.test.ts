/** Which refusals would tell a user of a code that is not his. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from '../../src/domain/command.js';
import type { BookSettings } from '../../src/records/values.generated.js';
import { archive, assign, given, lock, redeem, type Step, unlock, update } from './shard.js';

const COMMANDS: Readonly<Record<string, Command>> = {
  assign: assign('A-1', 'ann'),
  lock: lock('A-1', 'ann'),
  unlock: unlock('A-1', 'ann'),
  redeem: redeem('A-1', 'ann'),
};

interface Row {
  readonly name: string;
  readonly book?: Partial<BookSettings>;
  readonly steps: readonly Step[];
  /** Commands whose refusal may be told as it is; all others are to be as for no code. */
  readonly told?: readonly string[];
}

const BEARER = { redeemableBy: 'bearer' } as const;
const CLOSED: readonly (readonly [string, Step])[] = [
  ['archived', archive()],
  ['switched off', update({ isActive: false })],
];

const ROWS: readonly Row[] = [
  { name: 'another’s', steps: [assign('A-1', 'bob')] },
  { name: 'another’s and locked', steps: [assign('A-1', 'bob'), lock('A-1', 'bob')] },
  { name: 'another’s and redeemed', steps: [assign('A-1', 'bob'), redeem('A-1', 'bob')] },
  ...CLOSED.map(
    ([name, step]): Row => ({ name: `another’s, of a book that is ${name}`, steps: [assign('A-1', 'bob'), step] }),
  ),
  { name: 'another’s, in a book for bearers', book: BEARER, steps: [assign('A-1', 'bob')] },
  {
    name: 'redeemed by another and locked again, in a book for bearers',
    book: { ...BEARER, allowMultipleRedemptions: true },
    steps: [redeem('A-1', 'bob'), lock('A-1', 'bob')],
  },
  {
    name: 'taken by another’s lock, in a book for bearers',
    book: BEARER,
    steps: [lock('A-1', 'bob')],
    told: ['lock', 'redeem'],
  },
  { name: 'nobody’s', steps: [], told: ['assign'] },
  { name: 'nobody’s, of a book that is archived', steps: [archive()], told: ['assign'] },
  {
    name: 'nobody’s, in a book for bearers',
    book: BEARER,
    steps: [archive()],
    told: ['assign', 'lock', 'unlock', 'redeem'],
  },
  {
    name: 'his own',
    steps: [assign('A-1', 'ann'), redeem('A-1', 'ann'), archive()],
    told: ['assign', 'lock', 'unlock', 'redeem'],
  },
];

for (const { name, book = {}, steps, told = [] } of ROWS) {
  test(`a code that is ${name}: a refusal of ${told.join(', ') || 'no command'} may tell that it exists`, () => {
    for (const [command, what] of Object.entries(COMMANDS)) {
      const verdict = given(book, steps).run(what);
      if (verdict.kind !== 'refused') continue;
      const isUnknown = verdict.reason === 'codeNotFound' || verdict.isOthersCode === true;
      assert.equal(isUnknown, !told.includes(command), `${command}: ${JSON.stringify(verdict)}`);
    }
  });
}

test('an idempotency key that was used for another request does not tell that another’s code exists', () => {
  const shard = given({}, [assign('A-1', 'bob'), assign('A-2', 'ann')]);
  const asking = { caller: 'ann', key: 'k' };
  assert.equal(shard.run(redeem('A-2', 'ann'), asking).kind, 'change');
  const others = shard.run(redeem('A-1', 'ann'), { ...asking, fingerprint: 2 });
  assert(others.kind === 'refused');
  assert.equal(others.isOthersCode, true);
  const own = shard.run(lock('A-2', 'ann'), { ...asking, fingerprint: 3 });
  assert(own.kind === 'refused');
  assert.deepEqual([own.reason, own.isOthersCode], ['idempotencyKeyReused', undefined]);
});

test('a refusal of a code that is not there, or of no code, is as it was', () => {
  const shard = given({}, []);
  for (const command of [redeem('NONE', 'ann'), update({}, 7)]) {
    const verdict = shard.run(command);
    assert(verdict.kind === 'refused' && verdict.isOthersCode === undefined);
  }
});
