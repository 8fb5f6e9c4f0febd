/**
 * What a power cut of each store can lose, in one line per store: read at the start, and again once
 * an hour, because settings of another system change without notice.
 */

export interface StoreDurability {
  readonly store: 'journal' | 'postgres';
  readonly line: string;
  /** False: a power cut may destroy what was there before. */
  readonly isSafe: boolean;
}

export interface DurabilityWatch {
  current(): readonly StoreDurability[];
  close(): void;
}

const READ_EVERY_MS = 3_600_000;

/** `first` was read just now. A store that is away when it is read again is asked the next time. */
export function watchDurability({
  first,
  read,
  log,
  everyMs = READ_EVERY_MS,
}: {
  readonly first: readonly StoreDurability[];
  readonly read: () => Promise<readonly StoreDurability[]>;
  readonly log: Record<'warn' | 'error', (fields: object, message: string) => void>;
  readonly everyMs?: number;
}): DurabilityWatch {
  let current = first;
  for (const { store, line, isSafe } of current) if (!isSafe) log.error({ store }, line);

  async function readAgain(): Promise<void> {
    const before = new Map(current.map(({ store, line }) => [store, line]));
    current = await read();
    for (const { store, line, isSafe } of current) {
      if (line === before.get(store)) continue;
      const fields = { store, before: before.get(store) };
      if (isSafe) log.warn(fields, line);
      else log.error(fields, line);
    }
  }

  const timer = setInterval(() => {
    readAgain().catch((error: unknown) => log.warn({ err: error }, 'the settings of the stores can not be read again'));
  }, everyMs).unref();
  return { current: () => current, close: () => clearInterval(timer) };
}
