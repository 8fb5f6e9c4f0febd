/**
 * Counts of validations and applications on their way from the HTTP threads to PostgreSQL. Each
 * thread sends its own once a second, and they are written at once, so a kill loses about a second.
 *
 *     HTTP threads ──add──▶ waiting ──write──▶ PostgreSQL
 *                              ▲──────────────────┘ it failed: again in a second
 *
 * While PostgreSQL is away, they are kept in memory, up to a bound; what comes on top is lost. So
 * is a write whose connection broke: it may have been made, and nothing is counted twice.
 */
import type { UsageCount } from '../postgres/usage.js';
import { isConnectionLost } from './connection-lost.js';

/** Promotions times minutes that are kept while PostgreSQL is away: about 30 MB. */
const WAITING_MAX = 100_000;
/** In one statement. */
const WRITTEN_MAX = 10_000;
const AGAIN_MS = 1000;

interface UsageCountsOptions {
  readonly write: (counts: readonly UsageCount[]) => Promise<void>;
  readonly log: { warn(fields: object, message: string): void };
  readonly waitingMax?: number;
}

export interface UsageCounts {
  add(counts: readonly UsageCount[]): void;
  /** Writes what waits, if PostgreSQL is there. */
  close(): Promise<void>;
}

export function createUsageCounts({ write, log, waitingMax = WAITING_MAX }: UsageCountsOptions): UsageCounts {
  const waiting = new Map<string, UsageCount>();
  let dropped = 0;
  let isFailing = false;
  let underWay: Promise<void> | null = null;
  let again: NodeJS.Timeout | null = null;

  function keep(count: UsageCount): void {
    const key = `${count.promotionId} ${count.minuteMs}`;
    const before = waiting.get(key);
    if (before === undefined && waiting.size >= waitingMax) {
      dropped += count.validations + count.applications;
      return;
    }
    const validations = count.validations + (before?.validations ?? 0);
    const applications = count.applications + (before?.applications ?? 0);
    waiting.set(key, { ...count, validations, applications });
  }

  function begin(): void {
    if (underWay !== null || again !== null || waiting.size === 0) return;
    underWay = writeAll().finally(() => {
      underWay = null;
    });
  }

  async function writeAll(): Promise<void> {
    while (waiting.size > 0) {
      const counts = [...waiting.values()].slice(0, WRITTEN_MAX);
      for (const { promotionId, minuteMs } of counts) waiting.delete(`${promotionId} ${minuteMs}`);
      try {
        await write(counts);
      } catch (error) {
        failed(counts, error);
        return;
      }
    }
    if (dropped > 0) log.warn({ dropped }, 'validations and applications were lost');
    dropped = 0;
    isFailing = false;
  }

  function failed(counts: readonly UsageCount[], error: unknown): void {
    if (mayBeWritten(error)) dropped += counts.reduce((sum, count) => sum + count.validations + count.applications, 0);
    else for (const count of counts) keep(count);
    if (!isFailing) log.warn({ err: error }, 'validations and applications can not be written; they wait');
    isFailing = true;
    again = setTimeout(() => {
      again = null;
      begin();
    }, AGAIN_MS);
    again.unref();
  }

  return {
    add(counts) {
      for (const count of counts) keep(count);
      begin();
    },
    async close() {
      if (again !== null) clearTimeout(again);
      again = null;
      begin();
      await underWay;
      if (again !== null) clearTimeout(again);
    },
  };
}

/** Of `pg`. */
const QUERY_TIMEOUT = 'Query read timeout';

const mayBeWritten = (error: unknown): boolean =>
  isConnectionLost(error) || (error instanceof Error && error.message === QUERY_TIMEOUT);
