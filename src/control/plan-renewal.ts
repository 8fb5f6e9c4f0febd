/**
 * Renews the plans of promotions: windows and periods are known as instants for at least 400 days
 * ahead, however long the server runs. A renewal is an update of the promotion by `system`.
 */
import type { ShardId } from '../domain/ids.js';
import { askEndingPlans, renewPlan } from '../engine/asking.js';
import type { Engine } from '../engine/engine.js';
import { PLAN_AHEAD_MS, planOf } from '../promotions/plan.js';

const EVERY_MS = 60 * 60_000;

interface PlanRenewalOptions {
  readonly engine: Engine;
  readonly shards: readonly ShardId[];
  readonly nowMs: () => number;
  readonly log: { warn(fields: object, message: string): void };
}

interface PlanRenewal {
  close(): Promise<void>;
}

/** All shards serve. What fails is tried again in an hour. */
export function startPlanRenewal({ engine, shards, nowMs, log }: PlanRenewalOptions): PlanRenewal {
  let isClosing = false;

  async function renewAll(): Promise<void> {
    for (const shard of shards) {
      try {
        await renewIn(shard);
      } catch (error) {
        log.warn({ err: error, shard }, 'the plans of promotions could not be renewed');
      }
    }
  }

  async function renewIn(shard: ShardId): Promise<void> {
    for (;;) {
      if (isClosing) return;
      const ending = await askEndingPlans(engine, shard, nowMs() + PLAN_AHEAD_MS);
      if (ending.length === 0) return;
      for (const { id, settings, version } of ending) {
        if (isClosing) return;
        await renewPlan(engine, { id, settings, version, plan: planOf(settings, nowMs()) });
      }
    }
  }

  let underWay = renewAll();
  const timer = setInterval(() => {
    underWay = underWay.then(renewAll);
  }, EVERY_MS);
  timer.unref();
  return {
    async close() {
      isClosing = true;
      clearInterval(timer);
      await underWay;
    },
  };
}
