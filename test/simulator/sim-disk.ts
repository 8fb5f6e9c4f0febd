/**
 * A disk in memory, for the real file journal. It outlives the processes that write to it, and
 * keeps what a real one keeps:
 *
 *     killed process      everything that was written
 *     power cut           what was synced, and a random part of the rest, sector by sector. Of
 *                         names that were made, renamed or deleted since their directory was
 *                         synced, the first few
 *
 * Faults come by the seed: writes that end early, errors of write and sync (a failed sync leaves
 * the kernel with pages that it takes for clean: they are read back, and a power cut takes them),
 * no room, and a flipped bit in what was written last.
 */
import type { FileOps } from '../../src/journal/file/file-ops.js';
import type { Host } from './host.js';
import type { SeededRandom } from './seeded-random.js';

export interface SimDisk {
  /** The disk as one process sees it. */
  opsFor(host: Host): FileOps;
  /**
   * Makes a file in place of the one under the path, as `link` does after the old one was taken
   * aside.
   */
  replace(path: string): FileId;
  /** The names in a directory. */
  list(path: string): string[];
  /** The processes that use the disk are dead by then. */
  powerCut(): void;
  fillFor(ms: number): void;
  /**
   * Flips a bit of the last bytes that were appended anywhere; what undoes it. Null: nothing was
   * appended.
   */
  flipBit(): (() => void) | null;
  /** No faults from now on. */
  heal(): void;
}

export interface FileId {
  readonly dev: bigint;
  readonly ino: bigint;
}

const SECTOR_BYTES = 512;
const ROOM_BYTES = 1 << 30;

interface Inode {
  readonly ino: bigint;
  bytes: Buffer;
  size: number;
  durable: Buffer;
  durableSize: number;
  modifiedMs: number;
  /** What a sync would write. Nothing where `from` is not below `to`. */
  from: number;
  to: number;
}

interface Directory {
  readonly names: Map<string, Inode | null>;
  /** Undoes the changes of names since the last sync, oldest first. */
  pending: (() => void)[];
}

export function createSimDisk(random: SeededRandom, nowMs: () => number, faultRate: number): SimDisk {
  const directories = new Map<string, Directory>();
  let faults = faultRate;
  let fullUntilMs = Number.NEGATIVE_INFINITY;
  let inodes = 0n;
  let lastWrite: { readonly inode: Inode; readonly at: number; readonly bytes: number } | null = null;
  makeDirectory('/journal');

  function makeDirectory(path: string): void {
    directories.set(path, { names: new Map(), pending: [] });
  }

  function split(path: string): { directory: Directory; name: string } {
    const at = path.lastIndexOf('/');
    return { directory: directoryAt(path.slice(0, at)), name: path.slice(at + 1) };
  }

  function directoryAt(path: string): Directory {
    const directory = directories.get(path);
    if (directory === undefined) throw failure('ENOENT', path);
    return directory;
  }

  function inodeAt(path: string): Inode {
    const { directory, name } = split(path);
    const inode = directory.names.get(name);
    if (inode === undefined || inode === null) throw failure('ENOENT', path);
    return inode;
  }

  /** `null` makes a directory, `undefined` deletes the name. */
  function setName({ names, pending }: Directory, name: string, inode: Inode | null | undefined): void {
    const before = names.get(name);
    if (inode === undefined) names.delete(name);
    else names.set(name, inode);
    pending.push(() => {
      if (before === undefined) names.delete(name);
      else names.set(name, before);
    });
  }

  function newInode(): Inode {
    const none = Buffer.alloc(0);
    const inode = { ino: ++inodes, bytes: none, size: 0, durable: none, durableSize: 0, modifiedMs: nowMs() };
    return { ...inode, from: Number.POSITIVE_INFINITY, to: 0 };
  }

  function create(path: string): Inode {
    const { directory, name } = split(path);
    if (directory.names.has(name)) throw failure('EEXIST', path);
    const inode = newInode();
    setName(directory, name, inode);
    return inode;
  }

  function mayFail(): void {
    if (faults > 0 && random.chance(faults / 8)) throw failure('EIO', 'the disk');
  }

  function write(inode: Inode, bytes: Uint8Array, position: number): number {
    mayFail();
    const count = faults > 0 && random.chance(faults / 8) ? 1 + random.below(bytes.length) : bytes.length;
    const end = position + count;
    if (end > inode.size && isFull()) throw failure('ENOSPC', 'the disk');
    ensure(inode, end);
    inode.bytes.set(count === bytes.length ? bytes : bytes.subarray(0, count), position);
    inode.size = Math.max(inode.size, end);
    inode.modifiedMs = nowMs();
    inode.from = Math.min(inode.from, position);
    inode.to = Math.max(inode.to, end);
    return count;
  }

  const isFull = (): boolean => nowMs() < fullUntilMs;

  function ensure(inode: Inode, bytes: number): void {
    if (inode.bytes.length >= bytes) return;
    const grown = Buffer.alloc(Math.max(bytes, inode.bytes.length * 2));
    grown.set(inode.bytes);
    inode.bytes = grown;
  }

  function sync(inode: Inode): void {
    try {
      mayFail();
      if (inode.durable.length < inode.bytes.length) {
        const grown = Buffer.alloc(inode.bytes.length);
        grown.set(inode.durable);
        inode.durable = grown;
      }
      if (inode.from < inode.to) inode.durable.set(inode.bytes.subarray(inode.from, inode.to), inode.from);
      inode.durableSize = inode.size;
    } finally {
      inode.from = Number.POSITIVE_INFINITY;
      inode.to = 0;
    }
  }

  /** A truncated file is never written again, so that only its size changes. */
  function truncate(inode: Inode, bytes: number): void {
    inode.size = bytes;
    inode.to = Math.min(inode.to, bytes);
  }

  function opsFor(host: Host): FileOps {
    const open = new Map<number, Inode>();
    let fds = 2;

    function assertAlive(): void {
      if (!host.isAlive()) throw failure('ESRCH', 'the process');
    }

    function inodeOf(fd: number): Inode {
      assertAlive();
      const inode = open.get(fd);
      if (inode === undefined) throw failure('EBADF', String(fd));
      return inode;
    }

    function later<T>(work: () => T): Promise<T> {
      return new Promise((resolve, reject) => {
        host.after(random.below(4), () => {
          host.noteAsync();
          try {
            resolve(work());
          } catch (error) {
            reject(error);
          }
        });
      });
    }

    return {
      open(path, flags) {
        assertAlive();
        const inode = flags === 'wx+' ? create(path) : inodeAt(path);
        open.set(++fds, inode);
        return fds;
      },
      close: (fd) => void open.delete(fd),
      read(fd, bytes, position) {
        const inode = inodeOf(fd);
        const count = Math.max(0, Math.min(bytes.length, inode.size - position));
        if (count > 0) bytes.set(inode.bytes.subarray(position, position + count));
        return count;
      },
      write(fd, bytes, position) {
        const inode = inodeOf(fd);
        const count = write(inode, bytes, position);
        lastWrite = { inode, at: position, bytes: count };
        return count;
      },
      writeLater: (fd, bytes, position) => later(() => write(inodeOf(fd), bytes, position)),
      sync: (fd) => sync(inodeOf(fd)),
      syncLater(fd, done) {
        later(() => sync(inodeOf(fd))).then(
          () => done(null),
          (error: Error) => done(error),
        );
      },
      syncDirectory(path) {
        assertAlive();
        mayFail();
        directoryAt(path).pending = [];
      },
      truncate: (fd, bytes) => truncate(inodeOf(fd), bytes),
      rename(from, to) {
        assertAlive();
        const { directory, name } = split(from);
        const inode = inodeAt(from);
        const target = split(to).name;
        setName(directory, target, inode);
        setName(directory, name, undefined);
        // One change, as file systems make it.
        const undo = directory.pending.splice(-2);
        directory.pending.push(() => {
          for (const step of undo.reverse()) step();
        });
      },
      unlinkLater: (path) =>
        later(() => {
          inodeAt(path);
          const { directory, name } = split(path);
          setName(directory, name, undefined);
        }),
      mkdir(path) {
        assertAlive();
        if (directories.has(path)) throw failure('EEXIST', path);
        const { directory, name } = split(path);
        makeDirectory(path);
        setName(directory, name, null);
      },
      rmdir(path) {
        if (directoryAt(path).names.size > 0) throw failure('ENOTEMPTY', path);
        const { directory, name } = split(path);
        const removed = directoryAt(path);
        directories.delete(path);
        setName(directory, name, undefined);
        directory.pending.push(() => directories.set(path, removed));
      },
      list,
      size: (fd) => inodeOf(fd).size,
      freeBytesLater: () => later(() => (isFull() ? 0 : ROOM_BYTES)),
      sizeLater: (path) => later(() => inodeAt(path).size),
      modifiedMsLater: (path) => later(() => inodeAt(path).modifiedMs),
      fileId,
      wallMs: host.wallMs,
      monotonicMs: host.monotonicMs,
      after: host.cancellable,
    };
  }

  /** Of what was written since the last sync, each sector is there or is not. */
  function cut(inode: Inode): void {
    for (let at = Math.floor(inode.from / SECTOR_BYTES) * SECTOR_BYTES; at < inode.to; at += SECTOR_BYTES) {
      if (random.chance(0.5)) continue;
      const end = Math.min(at + SECTOR_BYTES, inode.bytes.length);
      inode.bytes.fill(0, at, end);
      inode.bytes.set(inode.durable.subarray(at, Math.min(end, inode.durable.length)), at);
    }
    if (random.chance(0.5)) inode.size = inode.durableSize;
    inode.bytes.fill(0, inode.size);
    sync(inode);
  }

  return {
    opsFor,
    replace(path) {
      const { directory, name } = split(path);
      const inode = newInode();
      directory.names.set(name, inode);
      return { dev: 1n, ino: inode.ino };
    },
    list,
    powerCut() {
      const before = faults;
      faults = 0;
      for (const directory of directories.values()) {
        const lost = directory.pending.length === 0 ? 0 : random.below(directory.pending.length + 1);
        for (const undo of directory.pending.splice(directory.pending.length - lost).reverse()) undo();
        directory.pending = [];
      }
      for (const [path] of directories) if (path !== '/journal' && !isThere(path)) directories.delete(path);
      for (const { names } of directories.values()) for (const inode of names.values()) if (inode !== null) cut(inode);
      faults = before;
    },
    fillFor(ms) {
      fullUntilMs = nowMs() + ms;
    },
    flipBit() {
      if (lastWrite === null) return null;
      const { inode, at, bytes } = lastWrite;
      const place = at + random.below(bytes);
      const bit = 1 << random.below(8);
      const flip = (): void => {
        for (const bytes of [inode.bytes, inode.durable]) bytes[place] = (bytes[place] ?? 0) ^ bit;
      };
      flip();
      return flip;
    },
    heal() {
      faults = 0;
      fullUntilMs = Number.NEGATIVE_INFINITY;
    },
  };

  function list(path: string): string[] {
    return [...directoryAt(path).names.keys()];
  }

  function fileId(path: string): FileId | null {
    const { directory, name } = split(path);
    const inode = directory.names.get(name);
    return inode === undefined || inode === null ? null : { dev: 1n, ino: inode.ino };
  }

  function isThere(path: string): boolean {
    const { directory, name } = split(path);
    return directory.names.has(name);
  }
}

function failure(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
