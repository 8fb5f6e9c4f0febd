import { totalmem } from 'node:os';

/** The memory that this process may use: the machine's, or less where a container says so. */
export function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
