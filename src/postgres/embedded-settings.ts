/**
 * What the embedded PostgreSQL is told: settings for one busy writer that commits a few large transactions a second, beside a Node
 * process that answers callers on the same cores and syncs a journal on the same disk.
 */
import { statfsSync } from 'node:fs';
import { totalmem } from 'node:os';

const MEBIBYTE = 1024 * 1024;
const SHARED_BUFFERS_MB_MIN = 128;
const SHARED_BUFFERS_MB_MAX = 8192;
const WAL_MB_MIN = 1024;
const WAL_MB_MAX = 16_384;

/** Arguments for the postmaster whose cluster is on the disk of `home`. */
export function settingsFor(port: number, home: string): readonly string[] {
  const values: Readonly<Record<string, string | number>> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 60,
    // PostgreSQL's defaults, named because the journal is trimmed on their word.
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    shared_buffers: `${sharedBuffersMb()}MB`,
    work_mem: '64MB',
    maintenance_work_mem: '128MB',
    wal_level: 'minimal',
    max_wal_senders: 0,
    wal_buffers: '16MB',
    // Else what a bulk COPY has logged in 200 ms goes to the disk at once.
    wal_writer_delay: '10ms',
    min_wal_size: '512MB',
    max_wal_size: `${walMb(home)}MB`,
    checkpoint_timeout: '15min',
    checkpoint_completion_target: 0.9,
    // Bulk COPY writes its pages out by itself. Without this they lie in the system's cache until it writes all of them at once, and
    // the journal's syncs wait 100 ms and more behind that.
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
 * A quarter of the memory that this process may use, as PostgreSQL's manual advises. The projection touches pages of `codes` at
 * random: where the table doesn't fit, nearly each is written out and read again per batch, and the journal's syncs wait behind
 * those writes. It is taken as it is used.
 */
function sharedBuffersMb(): number {
  const limit = process.constrainedMemory();
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return within(bytes / 4 / MEBIBYTE, SHARED_BUFFERS_MB_MIN, SHARED_BUFFERS_MB_MAX);
}

/**
 * A tenth of the disk's room. Each checkpoint makes PostgreSQL log every page whole when it is next touched, so under a load that
 * lasts the log is mostly pages, unless checkpoints are rare.
 */
function walMb(home: string): number {
  const { bavail, bsize } = statfsSync(home);
  return within((bavail * bsize) / 10 / MEBIBYTE, WAL_MB_MIN, WAL_MB_MAX);
}

const within = (value: number, least: number, most: number): number =>
  Math.round(Math.min(Math.max(value, least), most));
