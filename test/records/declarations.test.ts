/** What the declarations promise to each other, where no compiler sees it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commands, events, outcomes } from '../../scripts/generate/declarations.js';
import type { Command } from '../../src/domain/command.js';
import { type DomainEvent, eventNumbers } from '../../src/records/events.generated.js';
import { BOOK, openShard } from '../features/shard.js';

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

/** Numbers are stored. A new event gets a new line here; no line ever changes. */
test('events have the numbers under which they are stored', () => {
  const stored: Readonly<Record<DomainEvent['kind'], number>> = {
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
  assert.deepEqual(eventNumbers, stored);
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
  const seen = new Set<string>();
  for (const command of asked) {
    const verdict = shard.run(command);
    assert.ok(verdict.kind === 'change' || verdict.kind === 'unchanged', JSON.stringify(verdict));
    seen.add(command.kind);
    for (const [field, value] of Object.entries(verdict.outcome)) {
      if (field !== 'kind' && field in command)
        assert.deepEqual(value, command[field as keyof typeof command], `${command.kind}.${field}`);
    }
  }
  assert.deepEqual(
    [...seen].sort(),
    commands.flatMap(({ kind, message }) => (message === 'object' ? [] : [kind])).sort(),
  );
});
