/**
 * What the embedded PostgreSQL is told: settings for one busy writer that commits a few large
 * transactions a second, beside a Node process that answers callers on the same cores and syncs a
 * journal on the same disk.
 */
import { statfsSync } from 'node:fs';

const MEBIBYTE = 1024 * 1024;
/** Enough to try Clipbook, and little compared with other programs of that machine. */
export const MEMORY_BYTES_DEFAULT = 256 * MEBIBYTE;
const WAL_MB_MIN = 1024;
const WAL_MB_MAX = 16_384;

/**
 * Arguments for the postmaster.
 *
 * `memoryBytes` becomes `shared_buffers`, and is taken as it is used. The projection touches pages
 * of `codes` at random: where the table doesn't fit, nearly each is written out and read again per
 * batch, and the journal's syncs wait behind those writes. For many codes PostgreSQL's manual
 * advises a quarter of the machine's memory.
 */
export function settingsFor({
  port,
  cluster,
  memoryBytes,
}: {
  readonly port: number;
  /** PGDATA; the log may take a part of its disk. */
  readonly cluster: string;
  readonly memoryBytes: number;
}): readonly string[] {
  const values: Readonly<Record<string, string | number>> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 60,
    // PostgreSQL's defaults, set explicitly because trimming the journal depends on them.
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    shared_buffers: `${Math.round(memoryBytes / MEBIBYTE)}MB`,
    work_mem: '64MB',
    maintenance_work_mem: '128MB',
    wal_level: 'minimal',
    max_wal_senders: 0,
    wal_buffers: '16MB',
    // Else what a bulk COPY has logged in 200 ms goes to the disk at once.
    wal_writer_delay: '10ms',
    min_wal_size: '512MB',
    max_wal_size: `${walMb(cluster)}MB`,
    checkpoint_timeout: '15min',
    checkpoint_completion_target: 0.9,
    // Bulk COPY writes its pages out by itself. Without this they lie in the system's cache until
    // it writes all of them at once, and the journal's syncs wait 100 ms and more behind that.
    backend_flush_after: '256kB',
    wal_compression: 'off',
    jit: 'off',
    max_parallel_workers_per_gather: 0,
    random_page_cost: 1.1,
    // Errors go to whoever made them, and their details name codes, which belong in no log.
    log_min_messages: 'log',
    log_checkpoints: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/**
 * A tenth of the disk's room. Each checkpoint makes PostgreSQL log every page whole when it is next
 * touched, so under a load that lasts the log is mostly pages, unless checkpoints are rare.
 */
function walMb(cluster: string): number {
  const { bavail, bsize } = statfsSync(cluster);
  return within((bavail * bsize) / 10 / MEBIBYTE, WAL_MB_MIN, WAL_MB_MAX);
}

const within = (value: number, least: number, most: number): number =>
  Math.round(Math.min(Math.max(value, least), most));
