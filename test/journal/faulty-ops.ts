import { type FileOps, realFileOps } from '../../src/journal/file/file-ops.js';

/** The real disk, with faults on order. */
export interface FaultyOps {
  readonly ops: FileOps;
  /** Replaces calls; null takes the replacement away. */
  fail(replacement: Partial<FileOps> | null): void;
}

export function createFaultyOps(): FaultyOps {
  let replaced: Partial<FileOps> = {};
  const ops = new Proxy(realFileOps, {
    get: (target, name: keyof FileOps) => replaced[name] ?? target[name],
  });
  return {
    ops,
    fail: (replacement) => {
      replaced = replacement ?? {};
    },
  };
}

export function diskError(code: 'EIO' | 'ENOSPC'): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
