/** What the declarations promise to each other, where no compiler sees it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commands, events, outcomes } from '../../scripts/generate/declarations.js';
import type { Command } from '../../src/domain/command.js';
import { type DomainEvent, eventNumbers } from '../../src/records/events.generated.js';
import { BOOK, checkSameFields, openShard } from '../features/shard.js';

const forms = commands.flatMap(({ message }) => (message === 'object' ? [] : [message]));

test('no number and no name is given to two records', () => {
  const lists = [
    events.map(({ number }) => number),
    events.map(({ kind }) => kind),
    outcomes.map(({ number }) => number),
    outcomes.map(({ kind }) => kind),
    outcomes.flatMap(({ memory }) => (memory === 'json' ? [] : [memory])),
    commands.map(({ kind }) => kind),
    forms.map(({ request }) => request),
    forms.map(({ reply }) => reply),
  ];
  for (const list of lists) assert.equal(new Set<number | string>(list).size, list.length, list.join());
});

/** Of newer events the golden bytes of the journal hold the number. */
test('events have the numbers under which they are stored', () => {
  const stored: Readonly<Partial<Record<DomainEvent['kind'], number>>> = {
    bookCreated: 1,
    bookUpdated: 2,
    bookArchived: 3,
    codesAdded: 4,
    noted: 5,
    codeAssigned: 6,
    codeUnassigned: 7,
    codeLocked: 8,
    codeUnlocked: 9,
    leaseExpired: 10,
    codeRedeemed: 11,
    redemptionRolledBack: 12,
    batchOpened: 13,
    batchGivenUp: 14,
  };
  for (const [kind, number] of Object.entries(stored))
    assert.equal(eventNumbers[kind as DomainEvent['kind']], number, kind);
});

test('an outcome says the same as its command in every field that both have', () => {
  const shard = openShard();
  shard.addBook({}, ['CODE-1', 'CODE-2', 'CODE-3']);
  // In an order in which none is refused. CODE-3 goes back first, so that it can't have been drawn.
  const asked: readonly Command[] = [
    { kind: 'assignCode', code: 'CODE-3', userId: 'zoe' },
    { kind: 'unassignCode', code: 'CODE-3', reason: null },
    { kind: 'assignCode', code: 'CODE-1', userId: 'ann' },
    { kind: 'lockCode', code: 'CODE-1', userId: 'ann', ttlMs: null },
    { kind: 'unlockCode', code: 'CODE-1', userId: 'ann', lockId: null },
    { kind: 'redeemCode', code: 'CODE-1', userId: 'ann', lockId: null, metadata: null },
    { kind: 'assignRandom', bookId: BOOK, userId: 'ann' },
  ];
  for (const command of asked) {
    // The shard compares each outcome with its command.
    const verdict = shard.run(command);
    assert.ok(verdict.kind === 'change' || verdict.kind === 'unchanged', JSON.stringify(verdict));
  }
});

test('a shard in a test notices an outcome that says something else than its command', () => {
  const command = { kind: 'unassignCode', code: 'CODE-1', reason: null } as const;
  const outcome = { kind: 'unassigned', bookId: BOOK, code: 'CODE-1' } as const;
  checkSameFields(command, outcome);
  assert.throws(() => checkSameFields(command, { ...outcome, code: 'CODE-2' }), /unassignCode.code/);
});
