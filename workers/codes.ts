/** A thread of the pool that generates and parses codes. */
import { setPriority } from 'node:os';
import { move } from 'piscina';
import { type CodeTask, runCodeTask } from '../src/codes/tasks.js';

/**
 * Bulk work steps back when cores are short. On Linux this is the thread's priority; elsewhere it
 * would be the process's.
 */
const NICE = 10;
if (process.platform === 'linux') setPriority(NICE);

export default async (task: CodeTask): Promise<unknown> => {
  const result = await runCodeTask(task);
  return result instanceof Uint8Array ? move(result) : result;
};
