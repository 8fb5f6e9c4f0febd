/**
 * Work on the stores of an installation while no server runs: what fits, what is lost, and the
 * operator's decision about it.
 *
 *     opened ─▶ no lease is alive ─▶ report        each shard's checkpoint beside its journal
 *                                 ├▶ acceptLoss    the next start goes on without what does not fit
 *                                 ├▶ giveNewId     all stores become another installation
 *                                 └▶ replace       what another installation left in the journal goes
 *
 * A shard fits when the journal has the very entry that its checkpoint ends with, or can't tell,
 * and everything after it. Each of the changes may be repeated after a crash in the middle.
 */
import { randomUUID } from 'node:crypto';
import { chownSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { asSeq, asShardId, type Seq, type ShardId } from '../domain/ids.js';
import { createFeed, type Feed } from '../feed/feed.js';
import { JournalLocked } from '../journal/file/lock.js';
import type { JournalFacts } from '../journal/identity.js';
import type { Journal, JournalDamaged } from '../journal/journal.js';
import {
  type JournalLocation,
  type JournalLog,
  locationOf,
  openJournal,
  prepareJournal,
  presumeDurable,
} from '../journal/open.js';
import { eraseId, eraseJournal, putAside, putIdAside, surveyJournal, surveyOffline } from '../journal/survey.js';
import { ProcessEnd } from '../platform/exit-codes.js';
import { visitEmbedded } from '../postgres/embedded/visit.js';
import {
  acceptLosses,
  type DatabaseFacts,
  forgetJournal,
  readCheckpointsOf,
  renameInstallation,
} from '../postgres/installation.js';
import { migrate } from '../postgres/migrate.js';
import type { StoreConfig } from './config.js';
import { dataDirFailure, failureOfEmbedded } from './data-dir.js';
import { awaitLease, readFacts, type Stores } from './installation.js';
import { judgeStores, type StoreFacts } from './judge-stores.js';
import { namingDatabase } from './naming-database.js';
import { freePort } from './port-check.js';

export interface OfflineStores extends Stores, StoreFacts {
  readonly location: JournalLocation;
  /** What is wrong with the id of a journal in files; `journal` then has none. */
  readonly idDamage: JournalDamaged | null;
}

export interface ShardReport {
  readonly shard: ShardId;
  /** Its checkpoint. */
  readonly database: Seq;
  /** The last sequence that its journal has; 0: none. */
  readonly journal: Seq;
  readonly fit:
    | { readonly kind: 'fits' }
    /**
     * The journal ends before the checkpoint. What it had after its end and PostgreSQL does not
     * have is lost.
     */
    | { readonly kind: 'ahead' }
    /**
     * The journal begins at `first`, after the checkpoint, because earlier entries were trimmed or
     * an earlier loss was accepted. What is between the two is in neither.
     */
    | { readonly kind: 'gap'; readonly first: Seq }
    /** They hold different changes at the checkpoint. */
    | { readonly kind: 'differs' };
}

/**
 * Opens the stores that the configuration names, for one piece of work. Rejects with `ProcessEnd`
 * while a server has them.
 */
export async function withOfflineStores<T>(
  config: StoreConfig,
  log: JournalLog,
  work: (stores: OfflineStores) => Promise<T>,
): Promise<T> {
  const directory = join(config.dataDir, 'journal');
  const prepared = await prepareJournal({ ...config, directory }, log).catch((error: unknown) => {
    if (error instanceof JournalLocked) throw new ProcessEnd('inUse', `${error.message}; stop it first`);
    throw dataDirFailure(config.dataDir, error);
  });
  try {
    const visit =
      config.databaseUrl === null
        ? await visitEmbedded({ dataDir: join(config.dataDir, 'postgres'), freePort, log }).catch((error: unknown) => {
            throw failureOfEmbedded(config.dataDir, error);
          })
        : null;
    try {
      if (visit?.isOurs === false) throw new ProcessEnd('inUse', 'a server runs on this DATA_DIR; stop it first');
      const databaseUrl = visit?.url ?? String(config.databaseUrl);
      const isOwnDatabase = visit !== null;
      const asked = { redisUrl: config.redisUrl, directory, databaseUrl, isOwnDatabase, shardCount: config.shards };
      const { lock } = prepared;
      const inDatabase = <R>(ask: () => Promise<R>): Promise<R> => namingDatabase(config, databaseUrl, ask);
      let idDamage: JournalDamaged | null = null;
      const survey = async (): Promise<JournalFacts> => {
        const surveyed = await surveyOffline(asked, config.shards);
        idDamage = surveyed.damage;
        return surveyed.facts;
      };
      const facts = await awaitLease(() => readFacts({ ...asked, lock, inDatabase }, survey), log);
      const [id = ''] = facts.journal.installations;
      return await work({ ...asked, ...facts, idDamage, location: locationOf(prepared.location, id) });
    } finally {
      await visit?.close();
    }
  } finally {
    await prepared.release();
    if (config.redisUrl === null) handOver(config.dataDir, directory);
  }
}

/**
 * As root on a DATA_DIR of another user, what was made in the journal belongs to that user, who
 * could not go on there otherwise.
 */
function handOver(dataDir: string, directory: string): void {
  const { uid, gid } = statSync(dataDir);
  if (process.getuid?.() !== 0 || uid === 0) return;
  chownSync(directory, uid, gid);
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    chownSync(join(directory, name), uid, gid);
  }
}

/**
 * Rejects with `ProcessEnd` where the journal and the database are of different installations. An
 * empty database is of none: false, when the journal is empty too.
 */
export function isInstalled(stores: OfflineStores): boolean {
  const { installation, shardCount } = stores.database;
  const isEmpty = installation === null && shardCount === null;
  if (isEmpty) {
    const verdict = judgeStores(stores);
    if (verdict.kind === 'refuse') throw new ProcessEnd(verdict.cause, verdict.message);
    return false;
  }
  assertOne(stores.journal, stores.database);
  return true;
}

/** Why a start refuses the stores although every shard fits; null: it does not. */
export function refusalOf(stores: OfflineStores): string | null {
  const verdict = judgeStores(stores);
  return verdict.kind === 'refuse' ? verdict.message : null;
}

// ─── Report ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Rejects with `JournalDamaged` where the journal can't be read. Changes no entry. */
export async function reportShards(
  { location, journal: { ends, beganAfter }, databaseUrl, shardCount }: OfflineStores,
  log: JournalLog,
): Promise<ShardReport[]> {
  const checkpoints = await readCheckpointsOf(databaseUrl);
  const shards = Array.from({ length: shardCount }, (_, index) => asShardId(index));
  const journal = await openJournal(location, log);
  try {
    const lastSeqs = ends ?? (await endsOf(journal, shards));
    const none = asSeq(0);
    for (const shard of shards) {
      presumeDurable(location, shard, lastSeqs.get(shard) ?? none, beganAfter.get(shard) ?? none);
    }
    const feed = createFeed(await journal.openReader());
    const reports: ShardReport[] = [];
    for (const shard of shards) {
      const { seq = asSeq(0), entryHash = null } = checkpoints.get(shard) ?? {};
      const end = feed.durableSeq(shard);
      const fit = await fitOf(feed, { shard, seq, entryHash, end });
      reports.push({ shard, database: seq, journal: end, fit });
    }
    return reports;
  } finally {
    await journal.close();
  }
}

/** Files tell where they end when a writer opens them. It leaves nothing behind. */
async function endsOf(journal: Journal, shards: readonly ShardId[]): Promise<ReadonlyMap<ShardId, Seq>> {
  const writer = await journal.openWriter(shards, undefined, new Map(shards.map((shard) => [shard, asSeq(0)])));
  await (writer.discard?.() ?? writer.close());
  return writer.lastSeqs;
}

async function fitOf(
  feed: Feed,
  {
    shard,
    seq,
    entryHash,
    end,
  }: { readonly shard: ShardId; readonly seq: Seq; readonly entryHash: Uint8Array | null; readonly end: Seq },
): Promise<ShardReport['fit']> {
  if (end < seq) return { kind: 'ahead' };
  if (entryHash !== null && (await feed.isSameEntry(shard, seq, entryHash)) === false) return { kind: 'differs' };
  if (end === seq || (await feed.has(shard, asSeq(seq + 1)))) return { kind: 'fits' };
  // The first sequence that is there, between one that is not and one that is, or will be the next.
  let [gone, there] = [seq + 1, end + 1];
  while (there - gone > 1) {
    const middle = Math.floor((gone + there) / 2);
    if (await feed.has(shard, asSeq(middle))) there = middle;
    else gone = middle;
  }
  return { kind: 'gap', first: asSeq(there) };
}

/**
 * Puts a damaged journal in files aside, beside its directory, and resolves with the stores as they
 * are then. Everything after the checkpoints is lost, so this is for an operator who has accepted
 * that. Null for a journal in Redis.
 */
export async function putDamagedAside(stores: OfflineStores): Promise<{ stores: OfflineStores; aside: string } | null> {
  if (stores.redisUrl !== null) return null;
  const aside = asideOf(stores);
  putAside(stores.directory, aside);
  return { stores: { ...stores, journal: await surveyJournal(stores, stores.shardCount) }, aside };
}

/**
 * Puts an id that can't be read aside, and returns where it is then. The entries stay. What they
 * are worth is told by comparing them with PostgreSQL, whose id the next start writes.
 */
export function putDamagedIdAside(stores: OfflineStores): string {
  const aside = asideOf(stores);
  putIdAside(stores.directory, aside);
  return aside;
}

const asideOf = ({ directory }: OfflineStores): string =>
  `${directory}-damaged-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;

// ─── Changes ─────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * The next start goes on with every shard that does not fit, after what PostgreSQL has of it and
 * after its journal.
 */
export async function acceptLoss(stores: OfflineStores, reports: readonly ShardReport[]): Promise<void> {
  const { databaseUrl, database, journal } = stores;
  assertOne(journal, database);
  await migrate(databaseUrl);
  const id = database.installation?.id ?? journal.installations[0] ?? randomUUID();
  await acceptLosses(
    databaseUrl,
    id,
    reports
      .filter(({ fit }) => fit.kind !== 'fits')
      .map(({ shard, database: seq, journal: end }) => ({
        shard,
        afterSeq: Math.min(seq, end),
        goesOn: Math.max(seq, end),
      })),
  );
}

/** Resolves with the new id. Processes that have only the old id can't use the stores any more. */
export async function giveNewId(stores: OfflineStores): Promise<string> {
  const { databaseUrl, database, journal } = stores;
  assertOne(journal, database);
  await migrate(databaseUrl);
  const id = randomUUID();
  // In this order, a crash leaves stores whose id is to be written by the next start.
  await forgetJournal(databaseUrl);
  await eraseId(stores, stores.shardCount);
  await renameInstallation(databaseUrl, id);
  return id;
}

/**
 * Removes what the installation `id` has in the journal, so that the empty database can begin a new
 * one.
 */
export async function replaceInstallation(stores: OfflineStores, id: string): Promise<void> {
  const { database, journal } = stores;
  if (database.installation !== null || database.seqs.size > 0) {
    throw new ProcessEnd('foreign', 'the database is not empty; a new installation needs an empty one');
  }
  const others = journal.installations.filter((found) => found !== id);
  if (others.length > 0)
    throw new ProcessEnd('foreign', `the journal belongs to installation ${others[0]}, not to ${id}`);
  await eraseJournal(stores, stores.shardCount, id);
}

function assertOne(journal: JournalFacts, { installation }: DatabaseFacts): void {
  const ids = new Set([...journal.installations, ...(installation === null ? [] : [installation.id])]);
  if (ids.size <= 1) return;
  throw new ProcessEnd('foreign', `the stores belong to different installations: ${[...ids].join(' and ')}`);
}
