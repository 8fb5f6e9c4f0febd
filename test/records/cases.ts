/**
 * One value of each shape that a record can have: every event, outcome and command, and of each
 * nullable field both a value and null. A record that is not named here has those of samples.ts.
 */

import { commands as declaredCommands } from '../../scripts/generate/declarations.js';
import type { Command } from '../../src/domain/command.js';
import type { Change, DomainEvent, Remembered } from '../../src/domain/event.js';
import { asBookId, asSeq, asShardId } from '../../src/domain/ids.js';
import type { Outcome } from '../../src/domain/outcome.js';
import type { CommandReply } from '../../src/engine/engine.js';
import type { Book, BookSettings, OpenBatch } from '../../src/records/values.generated.js';
import { sampleCommands, sampleEvents, sampleOutcomes } from './samples.js';

type Kinds<Union extends { readonly kind: string }> = {
  readonly [Kind in Union['kind']]?: readonly Extract<Union, { readonly kind: Kind }>[];
};

const bookId = asBookId('01930000-0000-7000-8000-000000000001');
const otherBookId = asBookId('01930000-0000-7000-8000-000000000002');
const redemptionId = '01930000-0000-7000-8000-0000000000aa';
const AT_MS = 1_790_000_000_123;

const fullSettings: BookSettings = {
  name: 'Träume',
  description: 'two\nlines',
  startMs: AT_MS - 1000,
  endMs: AT_MS + 86_400_000,
  isActive: true,
  maxCodesPerUser: 3,
  maxRedemptionsPerUser: 300,
  allowMultipleRedemptions: true,
  maxRedemptionsPerCode: 70_000,
  codePattern: 'SPRING-{RANDOM:8}',
  redeemableBy: 'bearer',
  requireLock: true,
  lockTtlMs: 90_000,
  metadata: { shop: 7, tags: ['a', null], nested: { z: true } },
};
const bareSettings: BookSettings = {
  name: 'Bare',
  description: null,
  startMs: null,
  endMs: null,
  isActive: false,
  maxCodesPerUser: null,
  maxRedemptionsPerUser: null,
  allowMultipleRedemptions: false,
  maxRedemptionsPerCode: null,
  codePattern: null,
  redeemableBy: 'assignee',
  requireLock: false,
  lockTtlMs: null,
  metadata: null,
};
const book: Book = {
  id: bookId,
  settings: fullSettings,
  version: 200,
  createdMs: AT_MS - 5000,
  updatedMs: AT_MS,
  archivedMs: null,
};
const bareBook: Book = {
  id: otherBookId,
  settings: bareSettings,
  version: 1,
  createdMs: AT_MS,
  updatedMs: AT_MS,
  archivedMs: AT_MS,
};
const counts = { total: 10, available: 5, assigned: 3, locked: 1, redeemed: 2, redemptions: 4 };

const uploadedBatch: OpenBatch = {
  batchId: 70_012,
  bookId,
  caller: 'till-1',
  key: null,
  fingerprint: null,
  openedMs: AT_MS,
  content: { kind: 'uploaded', count: 500, sha256: 'ab'.repeat(32) },
};
const generatedBatch: OpenBatch = {
  batchId: 13,
  bookId: otherBookId,
  caller: 'Zoë',
  key: 'key-2',
  fingerprint: 2 ** 52 + 3,
  openedMs: AT_MS - 70_000,
  content: {
    kind: 'generated',
    pattern: 'SPRING-{RANDOM:8}',
    keyId: 1,
    ranges: [
      { first: 0, end: 500 },
      { first: 70_000, end: 2 ** 40 },
    ],
    order: 'inRuns',
  },
};
const inOrder: OpenBatch = {
  ...uploadedBatch,
  content: { kind: 'generated', pattern: '###', keyId: 2, ranges: [], order: 'byCode' },
};

const ofCode = { bookId, index: 300, code: 'ABCD-EFGH', userId: 'ann', prevSeq: asSeq(41) };
const firstOfCode = { bookId, index: 0, code: 'X_1.2', userId: 'Zoë "the" 日本', prevSeq: asSeq(0) };

export const events = {
  bookCreated: [
    { kind: 'bookCreated', book },
    { kind: 'bookCreated', book: bareBook },
  ],
  bookUpdated: [
    { kind: 'bookUpdated', book },
    { kind: 'bookUpdated', book: bareBook },
  ],
  bookArchived: [
    { kind: 'bookArchived', book },
    { kind: 'bookArchived', book: bareBook },
  ],
  codesAdded: [{ kind: 'codesAdded', bookId, batchId: 12, firstIndex: 70_000, size: 500, count: 499 }],
  noted: [{ kind: 'noted', scopeId: bookId }],
  codeAssigned: [
    { kind: 'codeAssigned', ...ofCode, atMs: AT_MS },
    { kind: 'codeAssigned', ...firstOfCode, atMs: AT_MS - 70_000 },
  ],
  codeUnassigned: [
    { kind: 'codeUnassigned', ...ofCode, reason: null },
    { kind: 'codeUnassigned', ...firstOfCode, reason: 'wrong user – sorry' },
  ],
  codeLocked: [
    { kind: 'codeLocked', ...ofCode, lockId: 42, untilMs: AT_MS + 300_000 },
    { kind: 'codeLocked', ...firstOfCode, lockId: 2 ** 40, untilMs: AT_MS },
  ],
  codeUnlocked: [
    { kind: 'codeUnlocked', ...ofCode, lockId: 42 },
    { kind: 'codeUnlocked', ...firstOfCode, lockId: 2 ** 40 },
  ],
  leaseExpired: [
    { kind: 'leaseExpired', ...ofCode, lockId: 42 },
    { kind: 'leaseExpired', ...firstOfCode, lockId: 2 ** 40 },
  ],
  codeRedeemed: [
    { kind: 'codeRedeemed', ...ofCode, redemptionId, atMs: AT_MS, redemptionCount: 1, metadata: null },
    {
      kind: 'codeRedeemed',
      ...firstOfCode,
      redemptionId,
      atMs: AT_MS - 1,
      redemptionCount: 300,
      metadata: { till: 4, note: 'Zoë' },
    },
  ],
  redemptionRolledBack: [
    { kind: 'redemptionRolledBack', ...ofCode, redemptionId, redemptionCount: 0, reason: null },
    { kind: 'redemptionRolledBack', ...firstOfCode, redemptionId, redemptionCount: 299, reason: 'returned' },
  ],
  batchOpened: [
    { kind: 'batchOpened', ...uploadedBatch },
    { kind: 'batchOpened', ...generatedBatch },
    { kind: 'batchOpened', ...inOrder },
  ],
  batchGivenUp: [{ kind: 'batchGivenUp', bookId, batchId: 12 }],
} satisfies Kinds<DomainEvent>;

export const outcomes = {
  book: [
    { kind: 'book', book, counts },
    { kind: 'book', book: bareBook, counts: { ...counts, total: 0 } },
  ],
  archived: [{ kind: 'archived' }],
  codesAdded: [{ kind: 'codesAdded', total: 500, report: { received: 3, added: 2, errors: [{ line: 1 }] } }],
  assigned: [
    { kind: 'assigned', bookId, code: 'ABCD-EFGH', userId: 'ann', assignedMs: AT_MS },
    { kind: 'assigned', bookId: otherBookId, code: 'X_1.2', userId: 'Zoë "the" 日本', assignedMs: AT_MS - 9_123 },
  ],
  locked: [
    { kind: 'locked', code: 'ABCD-EFGH', userId: 'ann', lockId: 42, untilMs: AT_MS + 300_000 },
    { kind: 'locked', code: 'X_1.2', userId: 'Zoë "the" 日本', lockId: 2 ** 40, untilMs: AT_MS - 123 },
  ],
  unlocked: [
    { kind: 'unlocked', code: 'ABCD-EFGH', userId: 'ann' },
    { kind: 'unlocked', code: 'X_1.2', userId: 'Zoë "the" 日本' },
  ],
  redeemed: [
    {
      kind: 'redeemed',
      code: 'ABCD-EFGH',
      userId: 'ann',
      redemptionId,
      redeemedMs: AT_MS,
      redemptionCount: 1,
      remaining: 0,
    },
    {
      kind: 'redeemed',
      code: 'X_1.2',
      userId: 'Zoë "the" 日本',
      redemptionId,
      redeemedMs: AT_MS + 1,
      redemptionCount: 300,
      remaining: null,
    },
  ],
  rolledBack: [
    { kind: 'rolledBack', code: 'ABCD-EFGH', redemptionId, redemptionCount: 0, remaining: 1 },
    { kind: 'rolledBack', code: 'X_1.2', redemptionId, redemptionCount: 299, remaining: null },
  ],
  unassigned: [{ kind: 'unassigned', bookId, code: 'ABCD-EFGH' }],
  batchOpened: [
    { kind: 'batchOpened', isNew: true, batch: uploadedBatch },
    { kind: 'batchOpened', isNew: false, batch: generatedBatch },
  ],
  batchSettled: [
    { kind: 'batchSettled', fate: 'live' },
    { kind: 'batchSettled', fate: 'givenUp' },
  ],
} satisfies Kinds<Outcome>;

export const commands = {
  createBook: [
    { kind: 'createBook', campaignId: null, discount: null, bookId, settings: fullSettings, codes: null },
    {
      kind: 'createBook',
      campaignId: null,
      discount: null,
      bookId,
      settings: bareSettings,
      codes: { batchId: 12, size: 500, count: 499, report: { received: 500 } },
    },
  ],
  updateBook: [
    { kind: 'updateBook', discount: null, bookId, patch: { isActive: false }, ifVersion: null },
    { kind: 'updateBook', discount: null, bookId, patch: { name: 'New' }, ifVersion: [1, 2] },
  ],
  archiveBook: [{ kind: 'archiveBook', bookId, ifVersion: null }],
  addCodes: [{ kind: 'addCodes', bookId, codes: { batchId: 12, size: 500, count: 499, report: {} } }],
  openBatch: [
    { kind: 'openBatch', bookId, caller: 'till-1', key: null, fingerprint: null, content: uploadedBatch.content },
    { kind: 'openBatch', bookId, caller: 'till-1', key: 'k', fingerprint: 7, content: generatedBatch.content },
  ],
  giveUpBatch: [{ kind: 'giveUpBatch', bookId, batchId: 12 }],
  assignRandom: [
    { kind: 'assignRandom', bookId, userId: 'ann' },
    { kind: 'assignRandom', bookId: otherBookId, userId: 'Zoë "the" 日本' },
  ],
  assignCode: [{ kind: 'assignCode', code: 'ABCD-EFGH', userId: 'ann' }],
  lockCode: [
    { kind: 'lockCode', code: 'ABCD-EFGH', userId: 'ann', ttlMs: null },
    { kind: 'lockCode', code: 'ABCD-EFGH', userId: 'ann', ttlMs: 90_000 },
  ],
  unlockCode: [
    { kind: 'unlockCode', code: 'ABCD-EFGH', userId: 'ann', lockId: null },
    { kind: 'unlockCode', code: 'ABCD-EFGH', userId: 'ann', lockId: 42 },
  ],
  redeemCode: [
    { kind: 'redeemCode', code: 'ABCD-EFGH', userId: 'ann', lockId: null, metadata: null },
    { kind: 'redeemCode', code: 'ABCD-EFGH', userId: 'ann', lockId: 42, metadata: { till: 4 } },
  ],
  rollbackRedemption: [
    { kind: 'rollbackRedemption', code: 'ABCD-EFGH', redemptionId, reason: null },
    { kind: 'rollbackRedemption', code: 'ABCD-EFGH', redemptionId, reason: 'returned' },
  ],
  unassignCode: [
    { kind: 'unassignCode', code: 'ABCD-EFGH', reason: null },
    { kind: 'unassignCode', code: 'ABCD-EFGH', reason: 'wrong user' },
  ],
} satisfies Kinds<Command>;

const all = <Value>(cases: Readonly<Record<string, readonly Value[]>>): Map<string, Value> =>
  new Map(
    Object.entries(cases).flatMap(([kind, list]) => list.map((value, n) => [`${kind} ${n + 1}`, value] as const)),
  );

export const eventCases = new Map([...all<DomainEvent>(events), ...sampleEvents(events)]);
export const outcomeCases = new Map([...all<Outcome>(outcomes), ...sampleOutcomes(outcomes)]);
export const commandCases = new Map([...all<Command>(commands), ...sampleCommands(commands)]);

export function changeOf(list: readonly DomainEvent[], remembered: Remembered | null, firstSeq = 42): Change {
  const [first] = list;
  return {
    firstSeq: asSeq(firstSeq),
    atMs: AT_MS,
    scopeId: first !== undefined && 'book' in first ? first.book.id : bookId,
    caller: 'till-1',
    requestId: 'request-7',
    events: list,
    remembered,
  };
}

export const remember = (outcome: Outcome): Remembered => ({ key: 'key-1', fingerprint: 2 ** 52 + 1, outcome });

/** What the actor says to a command with that outcome. */
export const doneWith = (outcome: Outcome, replayed: boolean): Extract<CommandReply, { readonly kind: 'done' }> => ({
  kind: 'done',
  outcome,
  shard: asShardId(3),
  seq: asSeq(4_242),
  replayed,
});

/** The commands that lead to an outcome. */
export function askedFor({ kind }: Outcome): Command['kind'][] {
  return declaredCommands.filter(({ gives }) => gives.kind === kind).map((command) => command.kind as Command['kind']);
}

/** A command of that kind which names what the outcome names. */
export function commandFor(kind: Command['kind'], outcome: Outcome): Command {
  const command = commandCases.get(`${kind} 1`) as Command;
  const named = Object.entries(outcome).filter(([field]) => field !== 'kind' && field in command);
  return { ...command, ...Object.fromEntries(named) } as Command;
}
