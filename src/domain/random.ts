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
