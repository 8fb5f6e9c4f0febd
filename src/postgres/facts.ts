/**
 * Settings of a PostgreSQL that decide how durable its data are. The journal is trimmed after the
 * projection, so data that PostgreSQL loses later are lost, except for the span that the journal
 * retains.
 *
 * How a commit waits is a setting of the connection, so Clipbook sets it (`commitDurably`). The
 * other settings belong to the server, and are reported.
 */
import pg from 'pg';
import { connect, endQuietly } from './connection.js';

export interface PostgresFacts {
  readonly version: string;
  readonly fsync: boolean;
  readonly fullPageWrites: boolean;
  readonly dataChecksums: boolean;
  /** As configured; empty: commits wait for no standby. */
  readonly synchronousStandbys: string;
  /** Connected now. */
  readonly standbys: number;
  /** How far its clock is ahead of ours, give or take half of `roundTripMs`. */
  readonly clockAheadMs: number;
  readonly roundTripMs: number;
}

/** Rejects when it can't be asked. */
export async function readPostgresFacts(url: string, nowMs: () => number): Promise<PostgresFacts> {
  const client = await connect(url);
  try {
    const { rows } = await client.query<{ name: string; setting: string }>(
      `SELECT name, setting FROM pg_settings
       WHERE name IN ('server_version', 'fsync', 'full_page_writes', 'data_checksums', 'synchronous_standby_names')`,
    );
    const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
    const { rows: counted } = await client.query<{ standbys: number }>(
      'SELECT count(*)::int AS standbys FROM pg_stat_replication',
    );
    const beganMs = performance.now();
    const askedMs = nowMs();
    const { rows: told } = await client.query<{ ms: number }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
    );
    const roundTripMs = performance.now() - beganMs;
    return {
      version: settings.get('server_version')?.split(' ')[0] ?? '',
      fsync: settings.get('fsync') !== 'off',
      fullPageWrites: settings.get('full_page_writes') !== 'off',
      dataChecksums: settings.get('data_checksums') === 'on',
      synchronousStandbys: settings.get('synchronous_standby_names') ?? '',
      standbys: counted[0]?.standbys ?? 0,
      clockAheadMs: (told[0]?.ms ?? 0) - (askedMs + roundTripMs / 2),
      roundTripMs,
    };
  } finally {
    await endQuietly(client);
  }
}

/** Without `fsync` a power cut may leave nothing of the database that can be used. */
export const isSafe = ({ fsync, fullPageWrites }: PostgresFacts): boolean => fsync && fullPageWrites;

/** What a power cut of it, or a failover, can lose, in one line. */
export function describePostgres(url: string, facts: PostgresFacts): string {
  return `${placeOf(url)}: PostgreSQL ${facts.version}: ${onPowerCut(facts)}; ${onFailover(facts)}`;
}

function onPowerCut({ fsync, fullPageWrites, dataChecksums }: PostgresFacts): string {
  if (!fsync) return 'fsync is OFF, so A POWER CUT OF PostgreSQL CAN DESTROY ALL DATA';
  if (!fullPageWrites) return 'full_page_writes is OFF, so A POWER CUT OF PostgreSQL CAN DAMAGE ANY PAGE';
  const checksums = dataChecksums
    ? 'data checksums find a damaged page'
    : 'no data checksums, so a damaged page is not noticed';
  return `every commit is synced to disk, so a power cut of PostgreSQL loses nothing; ${checksums}`;
}

function onFailover({ synchronousStandbys, standbys }: PostgresFacts): string {
  const count = `${standbys} ${standbys === 1 ? 'standby' : 'standbys'}`;
  if (synchronousStandbys !== '') return `${count}; each commit waits for ${JSON.stringify(synchronousStandbys)}`;
  if (standbys === 0) return 'no standbys';
  return `${count}, none synchronous, so a failover may lose the last commits`;
}

/** Host and port of a URL, as pg understands it, without user and password. */
function placeOf(url: string): string {
  const { host, port } = new pg.Client({ connectionString: url });
  return `${host}:${port}`;
}
