/**
 * Randomness is an argument: in production from the system's CSPRNG, in the simulator from its
 * seed.
 */
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

/** A random UUID (RFC 9562, version 4). */
export function randomUuid(random: Random): string {
  const [a, b, c, d] = [random.uint32(), random.uint32(), random.uint32(), random.uint32()];
  const text = [a, (b & 0xffff_0fff) | 0x4000, (c & 0x3fff_ffff) | 0x8000_0000, d].map(hex8).join('');
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}

const hex8 = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
