import type { Pattern } from '../codes/pattern.js';
import type { GenerateResult } from '../engine/engine.js';

/** Of a completed job. `totalCodes`: how many the book then had; null: that is not known. */
export function resultOf(
  { keyspace, keyspaceBits }: Pick<Pattern, 'keyspace' | 'keyspaceBits'>,
  generatedCodes: number,
  totalCodes: number | null,
): GenerateResult {
  return { generatedCodes, totalCodes, keyspace: String(keyspace), keyspaceBits };
}
