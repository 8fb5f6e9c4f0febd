/**
 * A small seeded generator: mulberry32 (Tommy Ettinger, public domain). One seed, one run, on every
 * machine.
 */
import type { Random } from '../../src/domain/random.js';
import { below } from '../../src/domain/random.js';

export interface SeededRandom extends Random {
  below(bound: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
}

export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const random: Random = {
    uint32() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return (mixed ^ (mixed >>> 14)) >>> 0;
    },
  };
  return {
    ...random,
    below: (bound) => below(random, bound),
    chance: (probability) => random.uint32() < probability * 2 ** 32,
    pick: (items) => {
      if (items.length === 0) throw new RangeError('nothing to pick from');
      return items[below(random, items.length)] as (typeof items)[number];
    },
  };
}
