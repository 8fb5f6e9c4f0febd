/**
 * Randomness is an argument: in production from the system's CSPRNG, in the simulator from its
 * seed.
 */
import { UUID_BYTES, uuidAt } from '../tables/uuid.js';
export interface Random {
  /** A uniform integer in `0 .. 2^32 - 1`. */
  uint32(): number;
  /**
   * The result of `uint32` after so many more calls, if it is known already. A hint for `Prefetch`,
   * never for a decision.
   */
  peek?(callsBefore: number): number | undefined;
}

/**
 * A uniform integer in `0 .. bound - 1`, without bias: values from the incomplete last run of
 * `bound` are drawn again, as in arc4random_uniform.
 */
export function below(random: Random, bound: number): number {
  if (!(bound >= 1 && bound <= 2 ** 32)) throw new RangeError(`bound ${bound} is not in 1 .. 2^32`);
  const rejectFrom = 2 ** 32 - (2 ** 32 % bound);
  for (;;) {
    const value = random.uint32();
    if (value < rejectFrom) return value % bound;
  }
}

const bytes = new Uint8Array(UUID_BYTES);
const words = new DataView(bytes.buffer);

/** A random UUID (RFC 9562, version 4). */
export function randomUuid(random: Random): string {
  for (let at = 0; at < UUID_BYTES; at += 4) words.setUint32(at, random.uint32());
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return uuidAt(bytes, 0);
}
