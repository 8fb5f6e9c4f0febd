/**
 * Counts validations and applications of promotions in this HTTP thread. Counting is an increment
 * in a map. Once a second the counts go to the main thread, which writes them.
 *
 * A validation that is refused names a code and not the promotion. The shard that has the code is
 * asked which promotion that is when the counts are sent, so not on the way of a request. A code
 * that is no promotion's then is not counted.
 */
import type { Control, Engine, UsageCount } from '../../engine/engine.js';

const EVERY_MS = 1000;
const MINUTE_MS = 60_000;
/** Promotions and codes that are counted in a second. What comes on top is not counted. */
const NAMES_MAX = 20_000;

interface UsageCountsOptions {
  readonly engine: Pick<Engine, 'query'>;
  readonly control: Pick<Control, 'countUsage'>;
  readonly nowMs: () => number;
}

export interface UsageCounts {
  validated(promotionId: string): void;
  /** A validation of a code that some promotion has, which was refused. */
  refused(code: string): void;
  applied(promotionId: string): void;
  /** Sends what was counted. */
  close(): Promise<void>;
}

interface Tally {
  validations: number;
  applications: number;
}

export function createUsageCounts({ engine, control, nowMs }: UsageCountsOptions): UsageCounts {
  let byPromotion = new Map<string, Tally>();
  let byCode = new Map<string, number>();
  let minuteMs = minuteOf(nowMs());
  let sent = Promise.resolve();
  let sendsUnderWay = 0;

  function tallyOf(promotionId: string): Tally {
    turnMinute();
    const known = byPromotion.get(promotionId);
    if (known !== undefined) return known;
    const tally = { validations: 0, applications: 0 };
    if (byPromotion.size < NAMES_MAX) byPromotion.set(promotionId, tally);
    return tally;
  }

  /** All counts in the maps are of one minute. */
  function turnMinute(): void {
    const now = minuteOf(nowMs());
    if (now !== minuteMs) send(now);
  }

  function send(nextMinuteMs: number): void {
    const [tallies, refused, ofMinuteMs] = [byPromotion, byCode, minuteMs];
    minuteMs = nextMinuteMs;
    if (tallies.size === 0 && refused.size === 0) return;
    byPromotion = new Map();
    byCode = new Map();
    sendsUnderWay++;
    sent = sent
      .then(() => sendCounts(tallies, refused, ofMinuteMs))
      .catch(() => undefined)
      .finally(() => {
        sendsUnderWay--;
      });
  }

  async function sendCounts(
    tallies: Map<string, Tally>,
    refused: ReadonlyMap<string, number>,
    ofMinuteMs: number,
  ): Promise<void> {
    const found = await Promise.all(
      [...refused].map(async ([code, count]) => ({ id: await promotionOf(code), count })),
    );
    for (const { id, count } of found) {
      if (id === null) continue;
      const tally = tallies.get(id);
      if (tally === undefined) tallies.set(id, { validations: count, applications: 0 });
      else tally.validations += count;
    }
    const counts: UsageCount[] = [];
    for (const [promotionId, tally] of tallies) counts.push({ promotionId, minuteMs: ofMinuteMs, ...tally });
    await control.countUsage(counts);
  }

  function promotionOf(code: string): Promise<string | null> {
    return new Promise((resolve) => {
      engine.query({ kind: 'getCode', code }, null, (reply) => {
        if (reply.kind !== 'result' || reply.result.kind !== 'promotion') resolve(null);
        else resolve(reply.result.view.promotion.id);
      });
    });
  }

  // While the main thread is busy, one is added a minute at most.
  const timer = setInterval(() => {
    if (sendsUnderWay === 0) send(minuteOf(nowMs()));
  }, EVERY_MS);
  timer.unref();
  return {
    validated(promotionId) {
      tallyOf(promotionId).validations++;
    },
    refused(code) {
      turnMinute();
      const before = byCode.get(code);
      if (before !== undefined || byCode.size < NAMES_MAX) byCode.set(code, (before ?? 0) + 1);
    },
    applied(promotionId) {
      tallyOf(promotionId).applications++;
    },
    async close() {
      clearInterval(timer);
      send(minuteMs);
      await sent;
    },
  };
}

const minuteOf = (ms: number): number => ms - (ms % MINUTE_MS);
