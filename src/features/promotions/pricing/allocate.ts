/**
 * Splits an amount over lines by largest remainder (Hamilton's method): each line gets the whole
 * part of its exact share, and the units that are then missing go to the lines with the largest
 * remainders, ties to the earlier line.
 *
 * With a base of `original`, earlier offers may have left less of a line than its share. Such a
 * line gives what it has, and the other lines share the rest in the same way, until no share is too
 * large. To drop the excess instead would break the promise of a percentage of the original price
 * while there is still something to take it from.
 */
import { quotientOf } from './exact.js';

/**
 * `amount` must not exceed the sum of `left`, and a line without weight must have nothing left.
 * Gives each line's share, at most what is left of it. The shares add up to `amount`.
 */
export function allocate(amount: number, weights: readonly number[], left: readonly number[]): readonly number[] {
  if (weights.length === 1) return [amount];
  const shares = new Array<number>(weights.length).fill(0);
  const remainders = new Array<number>(weights.length).fill(0);
  let open = [...weights.keys()];
  let toSplit = amount;
  while (toSplit > 0) {
    const weight = open.reduce((sum, line) => sum + (weights[line] ?? 0), 0);
    let missing = toSplit;
    const fitting: number[] = [];
    for (const line of open) {
      const { whole, remainder } = quotientOf(toSplit, weights[line] ?? 0, weight);
      const room = left[line] ?? 0;
      const fits = whole < room || (whole === room && remainder === 0);
      shares[line] = fits ? whole : room;
      remainders[line] = remainder;
      missing -= shares[line];
      if (fits) fitting.push(line);
    }
    if (fitting.length === open.length) {
      giveLargest(remainders, shares, open, missing);
      break;
    }
    // What the settled lines gave stays; the others start anew with the rest.
    toSplit = missing + fitting.reduce((sum, line) => sum + (shares[line] ?? 0), 0);
    open = fitting;
  }
  return shares;
}

/**
 * One unit each to the `count` lines with the largest remainders. There are always more lines with
 * a remainder than units missing, so a line without one never gets a unit.
 */
function giveLargest(remainders: readonly number[], shares: number[], lines: readonly number[], count: number): void {
  if (count === 0) return;
  // A typed array is sorted as numbers, without a call of a function for each comparison.
  const ordered = Float64Array.from(lines, (line) => remainders[line] ?? 0).sort();
  const smallest = ordered[ordered.length - count] ?? 0;
  let ties = count;
  for (let at = ordered.length - count; at < ordered.length; at++) if ((ordered[at] ?? 0) > smallest) ties--;
  for (const line of lines) {
    const remainder = remainders[line] ?? 0;
    if (remainder < smallest || (remainder === smallest && ties-- <= 0)) continue;
    shares[line] = (shares[line] ?? 0) + 1;
  }
}
