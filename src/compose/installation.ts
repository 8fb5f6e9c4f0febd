/**
 * The installation at a start: compares what journal and database say, takes the database over, and
 * writes the id where none stands yet.
 *
 *     read both ─▶ judge ─▶ migrate ─▶ claim the row ─▶ write the id into the journal ─▶ keep the lease
 *                   │ refuse: end with the cause's code
 *                   │ in use: wait while the lease is not renewed, at most until it is over
 *                   └ the row changed meanwhile: read again
 *
 * Nothing of the journal is taken over before the claim. The shard threads take it over after it,
 * and compare the id again.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ShardId } from '../domain/ids.js';
import type { JournalFacts } from '../journal/identity.js';
import { stampJournal, surveyJournal } from '../journal/survey.js';
import { ProcessEnd } from '../platform/exit-codes.js';
import type { Claim } from '../postgres/fence.js';
import { claim, type InstallationRow, keepLease, type Lease, readDatabase } from '../postgres/installation.js';
import { assertShardCount } from '../postgres/migrate.js';
import { inUse, judgeStores, type StoreFacts, type Verdict } from './judge-stores.js';
import type { Logger } from './log.js';

const LOOK_EVERY_MS = 500;
/** Each time, another start was faster. */
const TRIES_MAX = 5;

export interface Stores {
  readonly redisUrl: string | null;
  /** Of the journal in files. */
  readonly directory: string;
  readonly databaseUrl: string;
  /** This process has started the PostgreSQL, so no other server can have it. */
  readonly isOwnDatabase: boolean;
  readonly shardCount: number;
}

export interface TakeOptions extends Stores {
  /**
   * The lock of the journal's directory, and the one that had to be removed for it. Null for a
   * journal in Redis.
   */
  readonly lock: {
    readonly id: string;
    readonly removed: { readonly lock: string | null; readonly judgedBy: 'pid' | 'heartbeat' } | null;
  } | null;
  /** Brings the database to the schema of this version. */
  readonly prepareDatabase: () => Promise<void>;
  /** Gives failures of the database their line. */
  readonly inDatabase: <T>(work: () => Promise<T>) => Promise<T>;
  readonly onLost: (error: ProcessEnd) => void;
  readonly log: Logger;
}

export interface TakenInstallation {
  readonly id: string;
  readonly claim: Claim;
  readonly lease: Lease;
  readonly acceptedLosses: readonly ShardId[];
}

/**
 * Rejects with `ProcessEnd` where the stores do not belong together or are in use; then nothing was
 * taken over.
 */
export async function takeInstallation(options: TakeOptions): Promise<TakenInstallation> {
  const { databaseUrl, lock, inDatabase, log } = options;
  const claimant = { holder: lock?.id ?? randomUUID(), place: `process ${process.pid} on ${hostname()}` };
  for (let tries = 1; tries <= TRIES_MAX; tries++) {
    const facts = await (options.redisUrl === null ? awaitLease(() => readFacts(options), log) : readFacts(options));
    const verdict = judgeStores(facts);
    if (verdict.kind === 'refuse') throw new ProcessEnd(verdict.cause, verdict.message);
    await options.prepareDatabase();
    const id = verdict.kind === 'takeOver' ? verdict.id : randomUUID();
    const before = facts.database.installation;
    const taken = await inDatabase(() => claim(databaseUrl, id, claimant, (found) => isSame(found, before)));
    if (taken === null) continue;
    const lease = keepLease(databaseUrl, taken, options.onLost);
    try {
      await settleIn(options, { id, verdict, before, journal: facts.journal, lease });
    } catch (error) {
      await lease.giveBack(false);
      throw error;
    }
    log.info({ installation: id, epoch: taken.epoch, before: before?.place ?? null }, LINES[verdict.kind]);
    return { id, claim: taken, lease, acceptedLosses: [...facts.database.acceptedLosses] };
  }
  throw new ProcessEnd('inUse', 'other processes take this installation over again and again; start only one');
}

const LINES = {
  begin: 'a new installation begins',
  adopt: 'the data of an older version has become an installation; older versions refuse it from now on',
  takeOver: 'the installation is taken over',
} as const;

/**
 * Refuses stores of different installations, before even the lock of the journal's directory is
 * taken.
 */
export async function refuseForeign(stores: Stores, inDatabase: TakeOptions['inDatabase']): Promise<void> {
  const verdict = judgeStores(await readFacts({ ...stores, lock: null, inDatabase }));
  if (verdict.kind === 'refuse' && verdict.cause === 'foreign') throw new ProcessEnd('foreign', verdict.message);
}

export async function readFacts(
  stores: Stores & Pick<TakeOptions, 'lock' | 'inDatabase'>,
  survey: () => Promise<JournalFacts> = () => surveyJournal(stores, stores.shardCount),
): Promise<StoreFacts> {
  const { databaseUrl, isOwnDatabase, shardCount, lock, inDatabase } = stores;
  const database = await inDatabase(() => readDatabase(databaseUrl));
  if (database.shardCount !== null) assertShardCount(database.shardCount, shardCount);
  const journal = await survey();
  const removed = lock?.removed ?? null;
  const endedByLock = removed?.judgedBy === 'pid' ? removed.lock : null;
  const endedHolder = isOwnDatabase ? (database.installation?.holder ?? null) : endedByLock;
  return { journal, database, endedHolder };
}

/**
 * Resolves with what `read` found when no lease is alive, or the holder is known to have ended.
 * Rejects with `ProcessEnd` when the lease is renewed meanwhile; to find that out may take as long
 * as a lease.
 */
export async function awaitLease(
  read: () => Promise<StoreFacts>,
  log: { info(fields: object, message: string): void },
): Promise<StoreFacts> {
  const first = await read();
  let isTold = false;
  for (let facts = first; ; facts = await read()) {
    const { installation } = facts.database;
    if (installation === null || !installation.isAlive || installation.holder === facts.endedHolder) return facts;
    const before = first.database.installation;
    if (before?.seenAt !== installation.seenAt || before.epoch !== installation.epoch) {
      throw new ProcessEnd('inUse', inUse(installation));
    }
    if (!isTold)
      log.info({ holder: installation.place }, 'another process has the lease; waiting for it to be renewed or to end');
    isTold = true;
    await sleep(LOOK_EVERY_MS);
  }
}

function isSame(found: InstallationRow | null, before: InstallationRow | null): boolean {
  if (found === null || before === null) return found === before;
  return found.id === before.id && found.epoch === before.epoch && found.holder === before.holder;
}

async function settleIn(
  stores: Stores,
  {
    id,
    verdict,
    before,
    journal,
    lease,
  }: {
    readonly id: string;
    readonly verdict: Verdict;
    readonly before: InstallationRow | null;
    readonly journal: JournalFacts;
    readonly lease: Lease;
  },
): Promise<void> {
  if (verdict.kind !== 'takeOver' || verdict.lacksId) await stampJournal(stores, stores.shardCount, id);
  if (before?.journal !== journal.place) await lease.noteJournal(journal.place);
}
