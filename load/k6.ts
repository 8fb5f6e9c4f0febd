/** k6: where it is, or how to get it. */
import { findGoProgram, type GoProgram, missingLine } from '../scripts/go-program.js';

const K6: GoProgram = { name: 'k6', module: 'go.k6.io/k6@v1.8.1', page: 'https://grafana.com/docs/k6' };

/** The path of a k6. Throws one line that says what is missing. */
export function findK6(say: (line: string) => void): string {
  const path = findGoProgram(K6, say);
  if (path === null) throw new Error(missingLine(K6));
  return path;
}
