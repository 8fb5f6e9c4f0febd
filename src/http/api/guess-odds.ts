/** How hard generated codes are to guess, for those who chose the pattern. */

/** Codes under this are guessed too soon (see docs/bulk.md). */
const BITS_ADVISED = 80;

/** `bits` is log2 of the pattern's possibilities. */
export function guessOdds(
  bits: number,
  codes: number,
): { readonly oneIn: number; readonly bits: number; readonly warning: string | null } {
  const isWeak = bits < BITS_ADVISED;
  return {
    oneIn: Number((2 ** bits / Math.max(1, codes)).toPrecision(3)),
    bits: Number(bits.toFixed(1)),
    warning: isWeak
      ? `Codes of less than ${BITS_ADVISED} bits can be found by patient guessing; use a longer pattern.`
      : null,
  };
}
