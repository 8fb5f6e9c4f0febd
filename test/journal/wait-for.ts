import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves when the condition holds; fails, naming it, when it doesn't within 20 s. */
export async function waitFor(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadlineMs) throw new Error(`waited 20 s for: ${what}`);
    await sleep(5);
  }
}
