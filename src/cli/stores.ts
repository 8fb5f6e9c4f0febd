/**
 * `clipbook restore` and `clipbook init`: work on the stores that the server's configuration names,
 * while no server runs.
 */
import { ConfigError, parseStoreConfig, type StoreConfig } from '../compose/config.js';
import { DataDirUnfit } from '../compose/data-dir.js';
import {
  acceptLoss,
  giveNewId,
  isInstalled,
  type OfflineStores,
  putDamagedAside,
  putDamagedIdAside,
  refusalOf,
  replaceInstallation,
  reportShards,
  type ShardReport,
  withOfflineStores,
} from '../compose/restore.js';
import { batchesNotMadeAgain } from '../compose/roll-forward.js';
import type { ExitCause } from '../platform/exit-codes.js';
import { ProcessEnd } from '../platform/exit-codes.js';
import { CommandFailed, EXIT } from './failure.js';

export type StoresCommand =
  | { readonly kind: 'report' }
  | { readonly kind: 'acceptLoss' }
  | { readonly kind: 'asNew' }
  /** `replace`: the id of the installation that goes; null: not given. */
  | { readonly kind: 'newInstallation'; readonly replace: string | null };

/** Rejects with `CommandFailed`. */
export async function runStoresCommand(command: StoresCommand): Promise<void> {
  const config = readConfig();
  try {
    await withOfflineStores(config, log, (stores) => run(command, stores, config));
  } catch (error) {
    if (error instanceof CommandFailed) throw error;
    throw new CommandFailed(exitOf(error), messageOf(error), hintsOf(error));
  }
}

function readConfig(): StoreConfig {
  try {
    return parseStoreConfig(process.env);
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandFailed(EXIT.usage, error.message);
    throw error;
  }
}

async function run(command: StoresCommand, stores: OfflineStores, config: StoreConfig): Promise<void> {
  switch (command.kind) {
    case 'report': {
      tellPlaces(stores);
      if (!isInstalled(stores)) return tell(NOTHING_YET);
      const reports = await reportShards(stores, log);
      const unfit = tellShards(reports, stores);
      await refuseLackingBatches(stores, reports, config);
      if (stores.idDamage !== null) {
        throw new CommandFailed(EXIT.failed, stores.idDamage.message, [
          'To put this file aside and keep the entries: clipbook restore --accept-loss',
        ]);
      }
      const refusal = unfit === 0 ? refusalOf(stores) : null;
      if (refusal !== null) {
        throw new CommandFailed(EXIT.failed, `Every shard fits, but a start refuses: ${refusal}.`, [
          'To go on with these two: clipbook restore --accept-loss',
        ]);
      }
      if (unfit === 0) return tell('Everything fits; a start needs no restore.');
      throw new CommandFailed(EXIT.failed, unfit === 1 ? '1 shard does not fit.' : `${unfit} shards do not fit.`, [
        'Restore PostgreSQL from a newer backup, or the journal, where there is one.',
        'To go on without what is lost: clipbook restore --accept-loss',
      ]);
    }
    case 'acceptLoss': {
      tellPlaces(stores);
      if (!isInstalled(stores)) return tell(NOTHING_YET);
      if (stores.idDamage !== null)
        tell(`${stores.idDamage.message}; the file was put aside: ${putDamagedIdAside(stores)}`);
      const { whole, reports } = await reportOrPutAside(stores);
      const unfit = tellShards(reports, whole);
      await refuseLackingBatches(whole, reports, config);
      await acceptLoss(whole, reports);
      tell(
        unfit === 0
          ? 'Nothing is lost; the next start goes on.'
          : `The loss in ${unfit === 1 ? '1 shard' : `${unfit} shards`} is accepted; the next start goes on.`,
      );
      return;
    }
    case 'asNew': {
      if (!isInstalled(stores)) return tell(NOTHING_YET);
      const { database, journal } = stores;
      const before = database.installation?.id ?? journal.installations[0] ?? 'none';
      tell(`installation ${before} is now ${await giveNewId(stores)}, in all its stores`);
      return;
    }
    case 'newInstallation':
      return beginAnew(stores, command.replace);
  }
}

/**
 * A damaged journal is put aside: then its shards end before their checkpoints, and that is what is
 * accepted.
 */
async function reportOrPutAside(
  stores: OfflineStores,
): Promise<{ whole: OfflineStores; reports: readonly ShardReport[] }> {
  try {
    return { whole: stores, reports: await reportShards(stores, log) };
  } catch (error) {
    if (!isDamage(error)) throw error;
    const put = await putDamagedAside(stores);
    if (put === null) throw error;
    tell(`${messageOf(error)}; the journal was put aside: ${put.aside}`);
    return { whole: put.stores, reports: await reportShards(put.stores, log) };
  }
}

/**
 * A start can't bring the database forward without them, and no loss of single batches can be
 * accepted.
 */
async function refuseLackingBatches(
  stores: OfflineStores,
  reports: readonly ShardReport[],
  { generatorKeys }: StoreConfig,
): Promise<void> {
  const lines = await batchesNotMadeAgain(stores, reports, generatorKeys, log);
  if (lines === null)
    tell('The database is of an older version: only a start can tell whether it can make all batches of codes again.');
  if (lines === null || lines.length === 0) return;
  for (const line of lines) tell(line);
  const batches = lines.length === 1 ? '1 batch of codes' : `${lines.length} batches of codes`;
  throw new CommandFailed(EXIT.failed, `The database lacks ${batches} that can not be made again; a start refuses.`, [
    'Give all keys in GENERATOR_KEY that were used since the backup, and bring back DATA_DIR/journal/batches.',
    'Or restore PostgreSQL from a newer backup. See docs/production.md#backup.',
  ]);
}

const isDamage = (error: unknown): boolean => error instanceof Error && error.name === 'JournalDamaged';

async function beginAnew(stores: OfflineStores, replace: string | null): Promise<void> {
  const [found = null] = stores.journal.installations;
  const { place, isEmpty } = stores.journal;
  if (found === null && isEmpty) return tell(`${place} holds no installation; the next start begins one.`);
  const id = found ?? UNNAMED;
  if (replace !== id) {
    throw new CommandFailed(
      EXIT.refused,
      `${place} holds installation ${id}${replace === null ? '' : `, not ${replace}`}; this removes what its journal has.`,
      [`If nobody needs it any more: clipbook init --new-installation --replace ${id}`],
    );
  }
  await replaceInstallation(stores, id);
  tell(`installation ${id} was removed from ${place}; the next start begins a new one`);
}

const NOTHING_YET = 'Both are empty; the next start begins a new installation.';

/** Stands for the data of versions that had no ids. */
const UNNAMED = 'unnamed';

function tellPlaces({ journal, idDamage, database: { installation } }: OfflineStores): void {
  const noId = idDamage === null ? 'no id' : 'its id can not be read';
  tell(`journal   ${journal.place}: ${journal.installations.join(', ') || (journal.isEmpty ? 'empty' : noId)}`);
  const served = installation?.isDrained === true ? '; its last server stopped when all of the journal was in it' : '';
  tell(`database  ${installation === null ? 'no id' : installation.id}${served}`);
}

/** Returns how many do not fit. */
function tellShards(reports: readonly ShardReport[], { database }: OfflineStores): number {
  const isDrained = database.installation?.isDrained === true;
  for (const report of reports) tell(lineOf(report, isDrained));
  return reports.filter(({ fit }) => fit.kind !== 'fits').length;
}

function lineOf({ shard, database, journal, fit }: ShardReport, isDrained: boolean): string {
  const where = `shard ${shard}: database at ${database}, journal at ${journal}`;
  switch (fit.kind) {
    case 'fits':
      return `${where}: fits${journal > database ? `, ${journal - database} changes roll forward` : ''}`;
    case 'ahead':
      return isDrained
        ? `${where}: the journal ends too early, but the database has all that the journal had`
        : `${where}: the journal ends too early; whatever it had after ${database} is lost`;
    case 'gap':
      return `${where}: the journal begins at ${fit.first}; everything after ${database} is lost, ${database + 1} to ${fit.first - 1} is in neither`;
    case 'differs':
      return `${where}: they hold different changes at ${database}; what the journal has instead, and after it, is lost`;
  }
}

function exitOf(error: unknown): number {
  if (error instanceof DataDirUnfit) return EXIT.usage;
  if (isDamage(error)) return EXIT.failed;
  return error instanceof ProcessEnd ? EXITS[error.exitCause] : EXIT.unreachable;
}

const EXITS: Readonly<Record<ExitCause, number>> = {
  failed: EXIT.failed,
  fenced: EXIT.failed,
  foreign: EXIT.refused,
  damaged: EXIT.failed,
  clock: EXIT.failed,
  loss: EXIT.failed,
  inUse: EXIT.refused,
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const hintsOf = (error: unknown): readonly string[] => (isDamage(error) ? ['See docs/guarantees.md#damage.'] : []);

const tell = (line: string): void => void process.stdout.write(`${line}\n`);
const note = (_fields: object, message: string): void => void process.stderr.write(`${message}\n`);
const log = { info: () => undefined, warn: note, error: note };
