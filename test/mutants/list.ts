/**
 * Deliberate bugs, each with the tests that must fail of it. `npm run mutate` puts them in one by
 * one.
 */

export interface Edit {
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly put: string;
}

export interface Mutant {
  readonly id: string;
  readonly bug: string;
  readonly edits: readonly Edit[];
  /** Each of these commands must notice the bug. */
  readonly caughtBy: readonly string[];
}

const SIMULATOR = 'npm run simulate -- --seeds 2000 --from 1';
const test = (path: string): string => `npm test -- ${path}`;

/** What stands for a check in the table: the file of its tests, or the command. */
export function placeOf(command: string): string {
  const [, path] = /^npm test -- (\S+)$/.exec(command) ?? [];
  return path ?? (command === SIMULATOR ? 'npm run simulate' : command);
}

/** Whether the check runs the source. The others read it, as the compiler and the lint do. */
export function runsSource(command: string): boolean {
  return command === SIMULATOR || command.startsWith('npm test -- ');
}

/**
 * How often the place of an edit is in the text of its file. A bug can be planted where it is there
 * once.
 */
export function countIn(text: string, { find }: Edit): number {
  return text.split(find).length - 1;
}

const ACTOR = 'src/shard/actor.ts';
const TURN = 'src/shard/turn.ts';
const WRITER = 'src/journal/file/writer.ts';
const JUDGE = 'src/features/promotions/judge.ts';
const PERIODS = 'src/features/promotions/periods.ts';
const PROMOTIONS = 'src/features/promotions/state.ts';

const LIMITS = test('test/features/promotions/limits.test.ts');
const PROMOTION_MODEL = test('test/features/promotions/model.test.ts');

/** The actor sends what the turn puts into `early` at once. */
const SEND_EARLY: readonly Edit[] = [
  { file: TURN, find: '  hasNewBatches = false;\n', put: '  hasNewBatches = false;\n  early: Reply[] = [];\n' },
  {
    file: ACTOR,
    find: 'turn.run(states, requests, nowMs(), true);',
    put: '{ turn.run(states, requests, nowMs(), true); send(turn.early.splice(0)); }',
  },
];

export const MUTANTS: readonly Mutant[] = [
  {
    id: 'M1',
    bug: 'reads are released before what they saw is durable',
    edits: [
      {
        file: TURN,
        find: 'this.#replies.push({ to, id, command: null, reply, shard, seq });',
        put: 'this.early.push({ to, id, command: null, reply, shard, seq });',
      },
      ...SEND_EARLY,
    ],
    caughtBy: [SIMULATOR],
  },
  {
    id: 'M2',
    bug: 'refusals are released before what they saw is durable',
    edits: [
      {
        file: TURN,
        find: 'this.#replies.push({ to, id, command, reply: decided, shard, seq: state.seq });',
        put: 'this.early.push({ to, id, command, reply: decided, shard, seq: state.seq });',
      },
      ...SEND_EARLY,
    ],
    caughtBy: [SIMULATOR],
  },
  {
    id: 'M3',
    bug: 'the directory of a new segment is not synced',
    edits: [{ file: WRITER, find: '    ops.syncDirectory(epochPath(directory, epoch));\n', put: '' }],
    caughtBy: [test('test/journal/file-faults.test.ts'), test('test/power-cuts/power-cuts.test.ts')],
  },
  {
    id: 'M4',
    bug: 'the clock is not held back at recovery',
    edits: [
      {
        file: 'src/shard/recovery.ts',
        find: '(atMs) => options.clock.notBefore(atMs)',
        put: '() => undefined',
      },
      { file: 'src/shard/recovery.ts', find: '      options.clock.notBefore(change.atMs);\n', put: '' },
    ],
    caughtBy: [SIMULATOR],
  },
  {
    id: 'M5',
    bug: 'a failing sync on the slow-disk path counts as durable',
    edits: [
      {
        file: WRITER,
        find: '          const error = syncError ?? lockFailure();',
        put: '          const error = lockFailure(); void syncError;',
      },
    ],
    caughtBy: [test('test/journal/file-faults.test.ts'), test('test/server/disk.test.ts')],
  },
  {
    id: 'M6',
    bug: 'no fdatasync after a commit',
    edits: [{ file: WRITER, find: '      ops.sync(segment.fd);\n      const lost', put: '      const lost' }],
    caughtBy: [test('test/journal/file-faults.test.ts'), test('test/power-cuts/power-cuts.test.ts')],
  },
  {
    id: 'M7',
    bug: 'a staged batch is deleted because PostgreSQL does not have its live_seq yet',
    edits: [
      {
        file: 'src/control/batches.ts',
        find: "let fate: BatchFate = end === 'live' ? 'live' : await fateOf(batch);",
        put: "let fate = (end === 'live' ? 'live' : 'givenUp') as BatchFate;",
      },
    ],
    caughtBy: [SIMULATOR, test('test/server/unprojected-batches.test.ts')],
  },
  {
    id: 'M7b',
    bug: 'the staged batch of a job is deleted because PostgreSQL does not have its live_seq yet',
    edits: [
      {
        file: 'src/control/jobs.ts',
        find: '    const left = await fateOf(job, (batch) => batches.fateOf(batch));\n',
        put: "    const left = await fateOf(job, async () => 'givenUp');\n",
      },
    ],
    caughtBy: [test('test/server/unprojected-batches.test.ts')],
  },
  {
    id: 'M8',
    bug: 'an event is forgotten in the fold of the projection',
    edits: [
      {
        file: 'src/postgres/projection/event-rows.generated.ts',
        find: "    case 'codeUnlocked':\n      update.touches |= TOUCHES_LEASE;\n      update.lockId = null;\n      update.lockedUntilMs = null;\n      return;\n",
        put: '',
      },
    ],
    caughtBy: ['npx tsc -p tsconfig.json', 'npx oxlint --type-aware src', 'npm run generate -- --check'],
  },
  {
    id: 'M8b',
    bug: 'an event is forgotten where events are applied',
    edits: [
      {
        file: 'src/features/rules.generated.ts',
        find: "    case 'codeUnlocked':\n      applyCodeUnlocked(state.coupons, event);\n      return;\n",
        put: '',
      },
    ],
    caughtBy: ['npx tsc -p tsconfig.json', 'npx oxlint --type-aware src'],
  },
  {
    id: 'M8c',
    bug: 'a declared event is not exported, so the generator does not find it',
    edits: [
      {
        file: 'src/features/coupons/lock.ts',
        find: 'export const codeUnlocked = event(',
        put: 'const codeUnlocked = event(',
      },
    ],
    caughtBy: ['npx tsc -p tsconfig.json', 'npm run generate -- --check'],
  },
  {
    id: 'M9',
    bug: 'the lock file is not checked before acknowledging',
    edits: [{ file: WRITER, find: '      lockCheck?.check();\n      return null;', put: '      return null;' }],
    caughtBy: [SIMULATOR, test('test/journal/file-lock.test.ts')],
  },
  {
    id: 'M10',
    bug: 'the installation id is not compared',
    edits: [
      {
        file: 'src/compose/judge-stores.ts',
        find: 'if (journalId !== undefined && journalId !== installation.id) {',
        put: 'if (journalId !== undefined && installation.id === null) {',
      },
    ],
    caughtBy: [SIMULATOR, test('test/compose/judge-stores.test.ts'), test('test/server/two-servers.test.ts')],
  },
  {
    id: 'M10b',
    bug: 'the installation id is not compared where a shard is taken over in Redis',
    edits: [
      {
        file: 'src/journal/redis/scripts.ts',
        find: "if installation ~= ARGV[4] then return {'installation', installation} end\n",
        put: '',
      },
    ],
    caughtBy: [test('test/journal/redis-installation.test.ts')],
  },
  {
    id: 'M11',
    bug: 'a success is released before it is durable',
    edits: [
      {
        file: TURN,
        find: 'this.#replies.push({ to, id, command, reply, shard, seq });',
        put: 'this.early.push({ to, id, command, reply, shard, seq });',
      },
      ...SEND_EARLY,
    ],
    caughtBy: [SIMULATOR],
  },
  {
    id: 'M12',
    bug: 'after a failed commit all waiting callers are told "done"',
    edits: [
      {
        file: 'src/shard/commits.ts',
        find: 'if (reply.seq <= (this.#durable.get(reply.shard) ?? 0)) return reply;',
        put: 'if (reply.seq >= 0) return reply;',
      },
    ],
    caughtBy: [SIMULATOR],
  },
  {
    id: 'M13',
    bug: 'the limit of redemptions per user is off by one',
    edits: [
      {
        file: 'src/features/coupons/checks.ts',
        find: 'coupons.users.redemptionsIn(book.number, user)) < max) return null;',
        put: 'coupons.users.redemptionsIn(book.number, user)) <= max) return null;',
      },
    ],
    caughtBy: [SIMULATOR, test('test/features/codes.test.ts')],
  },
  {
    id: 'M13b',
    bug: 'the limit of redemptions per code is off by one',
    edits: [
      {
        file: 'src/features/coupons/checks.ts',
        find: 'redemptionsOf(coupons, index) < max) return null;',
        put: 'redemptionsOf(coupons, index) <= max) return null;',
      },
    ],
    caughtBy: [SIMULATOR, test('test/features/codes.test.ts')],
  },
  {
    id: 'M14',
    bug: 'a lease binds 1 ms too long',
    // Only together: whatever of these is left right ends the lease in time.
    edits: [
      {
        file: 'src/features/coupons/lock.ts',
        find: '  if (coupons.leases.untilMs(record) > nowMs) return null;\n',
        put: '  if (coupons.leases.untilMs(record) >= nowMs) return null;\n',
      },
      {
        file: 'src/features/coupons/lock.ts',
        find: '  return record === -1 ? null : coupons.leases.untilMs(record);\n',
        put: '  return record === -1 ? null : coupons.leases.untilMs(record) + 1;\n',
      },
      {
        file: 'src/features/coupons/checks.ts',
        find: '  if (untilMs <= nowMs) return codeNotFound();',
        put: '  if (untilMs < nowMs) return codeNotFound();',
      },
      {
        file: 'src/features/coupons/unassign.ts',
        find: '  if (coupons.leases.untilMs(record) > nowMs)\n    return refuse(',
        put: '  if (coupons.leases.untilMs(record) >= nowMs)\n    return refuse(',
      },
      {
        file: 'src/features/coupons/checks.ts',
        find: 'coupons.leases.untilMs(record) <= nowMs ? 0',
        put: 'coupons.leases.untilMs(record) < nowMs ? 0',
      },
    ],
    caughtBy: [SIMULATOR, test('test/features/leases.test.ts')],
  },
  {
    id: 'M15',
    bug: 'the pool does not get the code back',
    edits: [
      {
        file: 'src/features/coupons/state.ts',
        find: '    book.pool.put(index);\n  }\n\n  lock(',
        put: '  }\n\n  lock(',
      },
    ],
    caughtBy: [SIMULATOR],
  },
  {
    id: 'M16',
    bug: 'keys are not remembered on replay',
    edits: [
      {
        file: 'src/shard/recovery.ts',
        find: '        apply(state, change);',
        put: '        apply(state, { ...change, remembered: null });',
      },
    ],
    caughtBy: [SIMULATOR],
  },
  {
    id: 'M17',
    bug: 'the epoch check is missing in the Redis script',
    edits: [
      {
        file: 'src/journal/redis/scripts.ts',
        find: "  if epoch ~= ARGV[4 * n - 3] then return {n, 'epoch', epoch or ''} end\n",
        put: '',
      },
    ],
    caughtBy: [test('test/journal/redis.test.ts')],
  },
  {
    id: 'M17b',
    bug: 'the tail check is missing in the Redis script',
    edits: [
      {
        file: 'src/journal/redis/scripts.ts',
        find: "  if mark ~= ARGV[4 * n - 2] then return {n, 'tail', last and last[1] or '', last and last[2][2] or ''} end\n",
        put: '',
      },
    ],
    caughtBy: [test('test/journal/redis-faults.test.ts')],
  },
  {
    id: 'M17c',
    bug: 'the epoch check is missing in the Redis script that goes on over a new connection',
    edits: [
      {
        file: 'src/journal/redis/scripts.ts',
        find: "if epoch ~= ARGV[1] and epoch ~= ARGV[2] then return {1, 'epoch', epoch or ''} end\n",
        put: '',
      },
    ],
    caughtBy: [test('test/journal/redis-faults.test.ts')],
  },
  {
    id: 'M17d',
    bug: 'the tail check is missing in the Redis script that goes on over a new connection',
    edits: [
      {
        file: 'src/journal/redis/scripts.ts',
        find: "if mark ~= ARGV[3] then return {1, 'tail', last and last[1] or '', last and last[2][2] or ''} end\n",
        put: '',
      },
    ],
    caughtBy: [test('test/journal/redis-faults.test.ts')],
  },
  {
    id: 'M18',
    bug: 'a record without a valid checksum is accepted',
    edits: [
      {
        file: 'src/journal/file/record.ts',
        find: '  if (crc !== bytes.readUInt32LE(offset + 4)) return null;\n',
        put: '  void crc;\n',
      },
    ],
    caughtBy: [test('test/journal/file-damage.test.ts')],
  },
  {
    id: 'M19',
    bug: 'a checkpoint is published before its batch is written',
    edits: [
      {
        file: 'src/followers/projector.ts',
        find: '    await writer.write(changes, entryHashes);\n    let events = 0;\n',
        put: '    for (const [shard, { lastSeq }] of batches) checkpoints.set(shard, lastSeq);\n    await writer.write(changes, entryHashes);\n    let events = 0;\n',
      },
    ],
    caughtBy: [test('test/followers/projector.test.ts')],
  },
  {
    id: 'M20',
    bug: 'a retried upload adopts a batch of another body',
    edits: [
      {
        file: 'src/control/batches.ts',
        find: 'fingerprint === request.fingerprint ? await store.stagedBatch(batchId) : null',
        put: 'fingerprint !== 0 ? await store.stagedBatch(batchId) : null',
      },
    ],
    caughtBy: [SIMULATOR, test('test/server/batches.test.ts')],
  },
  {
    id: 'M21',
    bug: 'the cap of a promotion is off by one',
    edits: [
      {
        file: JUDGE,
        find: 'uses + promotion.held - own >= maxUsage',
        put: 'uses + promotion.held - own > maxUsage',
      },
    ],
    caughtBy: [LIMITS, PROMOTION_MODEL],
  },
  {
    id: 'M22',
    bug: 'what open reservations hold does not count for the cap of a promotion',
    edits: [
      {
        file: JUDGE,
        find: 'uses + promotion.held - own >= maxUsage',
        put: 'uses >= maxUsage',
      },
    ],
    caughtBy: [LIMITS, PROMOTION_MODEL],
  },
  {
    id: 'M23',
    bug: 'a cart that reserves again counts its own hold, too',
    edits: [{ file: JUDGE, find: 'const own = isOwn ? 1 : 0;', put: 'const own = isOwn ? 0 : 0;' }],
    caughtBy: [test('test/features/promotions/reservations.test.ts'), PROMOTION_MODEL],
  },
  {
    id: 'M24',
    bug: 'the budget does not get its money back when a hold ends',
    edits: [{ file: PROMOTIONS, find: '      promotion.heldAmount -= hold.amount;\n', put: '' }],
    caughtBy: [LIMITS, test('test/features/promotions/shop-faults.test.ts'), PROMOTION_MODEL],
  },
  {
    id: 'M25',
    bug: 'a use counts in the period after its own',
    edits: [
      {
        file: PERIODS,
        find: '(periods[at] as number) > nowMs) - 1] ?? null;',
        put: '(periods[at] as number) > nowMs)] ?? null;',
      },
    ],
    caughtBy: [LIMITS, PROMOTION_MODEL],
  },
];
