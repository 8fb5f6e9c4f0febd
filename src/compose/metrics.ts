/**
 * The state of all parts for operators: readiness by part, and metrics in Prometheus' text format.
 */
import { setTimeout } from 'node:timers/promises';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Supervisor } from '../control/supervisor.js';
import { asShardId, type ShardId } from '../domain/ids.js';
import type { Readiness } from '../engine/engine.js';
import type { KeyMemory } from '../engine/key-memory.js';
import type { StuckShards } from '../engine/stuck-shards.js';
import type { Watermarks } from '../engine/watermarks.js';
import type { JournalReader } from '../journal/journal.js';
import type { ControlStore } from '../postgres/store.js';
import type { ClockReport } from './clock.js';
import type { DiskSpace } from './disk-space.js';
import type { DurabilityWatch, StoreDurability } from './store-durability.js';

type Part = Readiness['parts'][string];
type Marks = Pick<Watermarks, 'get'>;

export interface Observed {
  readonly shardCount: number;
  readonly supervisor: Supervisor;
  readonly checkpoints: Marks;
  readonly durable: Marks;
  readonly stuck: Pick<StuckShards, 'has' | 'list'>;
  readonly clock: { now(): number; report(): ClockReport };
  readonly durability: Pick<DurabilityWatch, 'current'>;
  readonly disk: () => Promise<DiskSpace>;
  readonly reader: JournalReader;
  readonly store: ControlStore;
  readonly keys: Pick<KeyMemory, 'bytes' | 'refused' | 'lastRefusedMs'> & { readonly bytesMax: number };
}

/** A projection that is this many events behind is shown as late. Requests are still served. */
const LAG_EVENTS_LATE = 1_000_000;
/**
 * Below this, the room under the data directory is shown as short. The journal asks for twice a
 * segment, 128 MiB.
 */
const DISK_FREE_BYTES_SHORT = 512 * 2 ** 20;
const ANSWER_MS_MAX = 500;
/** A caller that was refused for its idempotency keys is told of this long. */
const KEYS_REFUSED_MS = 60_000;

export function createReadiness({
  shardCount,
  supervisor,
  checkpoints,
  durable,
  stuck,
  clock,
  durability,
  disk,
  reader,
  store,
  keys,
}: Observed): () => Promise<Readiness> {
  const askDatabase = oneAtATime(() => store.checkpoint(asShardId(0)).then(answers));
  const askJournal = oneAtATime(async () => {
    await reader.size();
    return { ok: true, detail: `answers; keeps ${spanText(await retainedSeconds(reader))}` };
  });
  const askDisk = oneAtATime(() => disk().then(diskPart));
  return async () => {
    const statuses = supervisor.statuses();
    const serving = statuses.filter((status) => status === 'serving').length;
    const lag = lagEvents(shardCount, durable, checkpoints);
    const [database, journal, diskSpace] = await Promise.all([askDatabase(), askJournal(), askDisk()]);
    const lost = statuses.filter((status) => status === 'stopped').length;
    const shards = {
      ok: statuses.length > 0 && serving === statuses.length,
      detail: `${serving} of ${statuses.length} threads serve${lost > 0 ? `; ${lost} stopped: another process may have their shards` : ''}`,
    };
    // Only the shards and their journal are needed to serve: the others are told, and catch up by
    // themselves.
    const projection = projectionPart(lag, stuck.list());
    const parts = {
      shards,
      journal,
      database,
      projection,
      disk: diskSpace,
      clock: clockPart(clock.report()),
      durability: durabilityPart(durability.current()),
      idempotencyKeys: keysPart(keys, clock.now()),
    };
    return { ready: shards.ok && journal.ok, parts };
  };
}

function projectionPart(lag: number, stuck: readonly ShardId[]): Part {
  const named = stuck.length === 1 ? `shard ${stuck[0]}` : `shards ${stuck.join(', ')}`;
  const stands = stuck.length === 0 ? '' : `; ${named} can not be projected, the log says why`;
  return { ok: lag < LAG_EVENTS_LATE && stuck.length === 0, detail: `${lag} events behind${stands}` };
}

function diskPart({ freeBytes, path }: DiskSpace): Part {
  const free = `${Math.floor(freeBytes / 2 ** 20)} MiB free at ${path}`;
  if (freeBytes >= DISK_FREE_BYTES_SHORT) return { ok: true, detail: free };
  return { ok: false, detail: `${free}: changes are refused when there is no room for the journal` };
}

function clockPart({ jumps, notFollowedMs }: ClockReport): Part {
  if (notFollowedMs === 0) return { ok: true, detail: `follows the system's clock; ${jumps} jumps were not followed` };
  const seconds = Math.round(notFollowedMs / 1000);
  return {
    ok: false,
    detail: `the system's clock was set by ${seconds} s, which is not followed: set it right or restart`,
  };
}

function durabilityPart(stores: readonly StoreDurability[]): Part {
  const unsafe = stores.filter(({ isSafe }) => !isSafe);
  if (unsafe.length === 0) return { ok: true, detail: 'no store runs without fsync' };
  return { ok: false, detail: unsafe.map(({ line }) => line).join('; ') };
}

/** How far back the journal reaches; 0 for one that is empty. */
async function retainedSeconds(reader: JournalReader): Promise<number> {
  const sinceMs = await reader.sinceMs();
  return sinceMs === null ? 0 : Math.max(0, (Date.now() - sinceMs) / 1000);
}

function spanText(seconds: number): string {
  return seconds < 3600
    ? `the last ${Math.floor(seconds / 60)} minutes`
    : `the last ${(seconds / 3600).toFixed(1)} hours`;
}

const answers = (): Part => ({ ok: true, detail: 'answers' });

/** Who is refused can be one caller of many, so this stops nobody either. */
function keysPart(keys: Observed['keys'], nowMs: number): Part {
  const percent = ((100 * keys.bytes()) / keys.bytesMax).toFixed(1);
  const ok = keys.lastRefusedMs() + KEYS_REFUSED_MS < nowMs;
  const refused = ok ? '' : '; in the last minute callers were refused whose keys take all that one caller may have';
  return { ok, detail: `${percent} % of IDEMPOTENCY_BYTES_MAX in use${refused}` };
}

/**
 * A server that hangs answers nobody, and a probe gives up after a second or so: it is told in
 * time. The question that hangs stays the only one, so that probes don't take all connections.
 */
function oneAtATime(ask: () => Promise<Part>): () => Promise<Part> {
  let asked: Promise<Part> | null = null;
  return async () => {
    asked ??= ask()
      .catch((error: Error) => ({ ok: false, detail: `away: ${error.message}` }))
      .finally(() => {
        asked = null;
      });
    const timer = new AbortController();
    const late = setTimeout(ANSWER_MS_MAX, { ok: false, detail: 'away: does not answer' }, { signal: timer.signal });
    try {
      return await Promise.race([asked, late]);
    } finally {
      timer.abort();
      await late.catch(() => undefined);
    }
  };
}

/** `http` renders what the HTTP threads count. */
export function createMetrics(
  { shardCount, supervisor, checkpoints, durable, stuck, clock, disk, reader, keys }: Observed,
  http: () => string,
): () => Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, read: () => number | Promise<number>): void => {
    const registers = [registry];
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await read());
      },
    });
  };
  gauge('clipbook_codes', 'Codes in memory', () => supervisor.codeCount);
  gauge(
    'clipbook_shard_threads_serving',
    'Shard threads that serve',
    () => supervisor.statuses().filter((s) => s === 'serving').length,
  );
  gauge('clipbook_events_durable', 'Events in the journal, over all shards, since the beginning', () =>
    sum(shardCount, durable),
  );
  gauge('clipbook_events_projected', 'Events in PostgreSQL, over all shards', () => sum(shardCount, checkpoints));
  gauge('clipbook_projection_lag_events', 'Events that are durable but not yet in PostgreSQL', () =>
    lagEvents(shardCount, durable, checkpoints),
  );
  new Gauge({
    name: 'clipbook_projection_stuck',
    help: '1 for a shard that can not be projected',
    labelNames: ['shard'],
    registers: [registry],
    collect() {
      for (const shard of shards(shardCount)) this.set({ shard: String(shard) }, stuck.has(shard) ? 1 : 0);
    },
  });
  // While it is not available, this number is missing; the others are still reported.
  gauge('clipbook_journal_bytes', 'Size of the journal', () => reader.size().catch(() => Number.NaN));
  gauge('clipbook_journal_retained_seconds', 'Age of the oldest moment since when the journal has every change', () =>
    retainedSeconds(reader).catch(() => Number.NaN),
  );
  gauge('clipbook_idempotency_bytes', 'Memory of remembered idempotency keys', keys.bytes);
  gauge('clipbook_idempotency_bytes_max', 'What it may be: IDEMPOTENCY_BYTES_MAX', () => keys.bytesMax);
  new Counter({
    name: 'clipbook_idempotency_refused_total',
    help: 'Commands that were refused because the idempotency keys of their caller take all that it may have',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(keys.refused());
    },
  });
  gauge('clipbook_disk_free_bytes', 'Room under DATA_DIR, of the file system that has the least', () =>
    disk().then(
      ({ freeBytes }) => freeBytes,
      () => Number.NaN,
    ),
  );
  new Counter({
    name: 'clipbook_clock_jumps_total',
    help: "How often the system's clock was set so far that it was not followed",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(clock.report().jumps);
    },
  });
  gauge('clipbook_resident_bytes', 'Resident memory of the process', () => process.memoryUsage.rss());
  gauge('clipbook_uptime_seconds', 'Seconds since the start', () => process.uptime());
  return async () => (await registry.metrics()) + http();
}

export function lagEvents(shardCount: number, durable: Marks, checkpoints: Marks): number {
  return Math.max(0, sum(shardCount, durable) - sum(shardCount, checkpoints));
}

function sum(shardCount: number, marks: Marks): number {
  let total = 0;
  for (const shard of shards(shardCount)) total += marks.get(shard);
  return total;
}

function shards(shardCount: number): ShardId[] {
  return Array.from({ length: shardCount }, (_, index) => asShardId(index));
}
