/**
 * Where each shard of a writer stands in its stream, how it is taken over, and what a refused call
 * means.
 */
import { randomBytes } from 'node:crypto';
import { asSeq, type Seq, type ShardId } from '../../domain/ids.js';
import { ProcessEnd } from '../../platform/exit-codes.js';
import { JournalDamaged, JournalFenced, JournalRolledBack } from '../journal.js';
import type { Argument, RedisConnection } from './connection.js';
import { decodeEntry, epochKey, installationKey, NO_MARK, seqOfId, startKey, streamKey } from './entry.js';
import { RESUME, type Script, TAKE } from './scripts.js';

export interface ShardTail {
  readonly shard: ShardId;
  readonly stream: string;
  readonly epochKey: string;
  /** The start (scripts.ts); 0: none. */
  readonly beganAfter: Seq;
  epoch: string;
  /** The mark of the last entry that was appended, acknowledged or not. */
  mark: Buffer;
  appended: Seq;
  durable: Seq;
}

export interface TakeOptions {
  readonly taker: Taker;
  /** Which the shard has to belong to; '' stands for none. */
  readonly installation: string;
  readonly startAfter: ReadonlyMap<ShardId, Seq> | undefined;
  readonly goOnAfter: ReadonlyMap<ShardId, Seq> | undefined;
}

/** The taker of shards: a journal, which recognizes its own epochs. */
export interface Taker {
  /** Begins the tokens of all of its epochs. */
  readonly name: string;
  /** The epochs that it took last. */
  readonly taken: Map<ShardId, string>;
}

export function createTaker(): Taker {
  return { name: randomBytes(8).toString('hex'), taken: new Map() };
}

/** A token that no epoch has had. */
export function newToken({ name }: Taker): string {
  return `${name}.${randomBytes(8).toString('hex')}`;
}

/**
 * Another process took the shard after this one had. An epoch with a lower count is none: a
 * failover brought it back.
 */
function isTakenByAnother({ name, taken }: Taker, shard: ShardId, epoch: string): boolean {
  const mine = taken.get(shard);
  return mine !== undefined && !epoch.includes(`:${name}.`) && countOf(epoch) >= countOf(mine);
}

/** 0 where there is no epoch. */
function countOf(epoch: string): number {
  return Number.parseInt(`0${epoch}`, 10);
}

/** A script call: its keys, then its arguments. */
export function evalsha(script: Script, keys: readonly string[], args: readonly Argument[]): Argument[] {
  return [script.sha, keys.length, ...keys, ...args];
}

/**
 * Takes one shard over. Throws `JournalRolledBack` or `JournalDamaged`; the epoch is taken even
 * then. Throws `JournalFenced`, and takes nothing, when the taker had it before and somebody else
 * has it now: to take it back would only make the two fight. Throws `ProcessEnd`, and takes
 * nothing, when the shard belongs to another installation.
 */
export async function takeShard(connection: RedisConnection, shard: ShardId, options: TakeOptions): Promise<ShardTail> {
  const keys = [streamKey(shard), epochKey(shard), installationKey(shard), startKey(shard)] as const;
  const goOn = options.goOnAfter?.get(shard);
  const { installation } = options;
  let reply: unknown = 0;
  while (!Array.isArray(reply)) {
    const before = (await connection.send('GET', [keys[1]])) ?? NO_MARK;
    if (isTakenByAnother(options.taker, shard, String(before))) throw fenced(shard, String(before));
    const token = newToken(options.taker);
    const args = [before as Buffer, token, goOn === undefined ? '' : String(goOn), installation];
    reply = await connection.send('EVALSHA', evalsha(TAKE, keys, args));
  }
  if (String((reply as Buffer[])[0]) === 'installation') {
    throw anothers(shard, installation, String((reply as Buffer[])[1]));
  }
  const [epoch, lastId, lastBytes, highestId, start] = reply as Buffer[];
  options.taker.taken.set(shard, String(epoch));
  const last = lastOf(shard, lastId, lastBytes);
  const lastSeq = asSeq(Math.max(last?.lastSeq ?? 0, Number(start)));
  const highestSeq = seqOfId(keys[0], String(highestId));
  // An id that was given out above the last entry's: entries were there and are gone.
  const acknowledged = Math.max(options.startAfter?.get(shard) ?? 0, highestSeq > lastSeq ? highestSeq : 0);
  if (acknowledged > lastSeq && goOn === undefined) {
    throw new JournalRolledBack(shard, asSeq(lastSeq + 1), asSeq(acknowledged));
  }
  return {
    shard,
    stream: keys[0],
    epochKey: keys[1],
    beganAfter: asSeq(Number(start)),
    epoch: String(epoch),
    mark: last?.mark ?? NO_MARK,
    appended: lastSeq,
    durable: lastSeq,
  };
}

/**
 * Goes on with the shards over another connection, nothing being in flight. Throws what a refusal
 * means.
 */
export async function resumeShards(
  connection: RedisConnection,
  tails: readonly ShardTail[],
  token: string,
  { taken }: Taker,
): Promise<void> {
  await Promise.all(
    tails.map(async (tail) => {
      const epoch = `${Number.parseInt(tail.epoch, 10) + 1}:${token}`;
      const args = [tail.epoch, epoch, tail.mark];
      const reply = await connection.send('EVALSHA', evalsha(RESUME, [tail.stream, tail.epochKey], args));
      const refusal = refusalOf(reply, [tail]);
      if (refusal !== null) throw refusal;
      return { tail, epoch };
    }),
  ).then((resumed) => {
    for (const { tail, epoch } of resumed) {
      tail.epoch = epoch;
      taken.set(tail.shard, epoch);
    }
  });
}

/**
 * What the reply of APPEND or RESUME means for the shards of the call, in its order; null when all
 * went in.
 */
export function refusalOf(reply: unknown, tails: readonly ShardTail[]): Error | null {
  if (reply === 1) return null;
  const [place, what, found, lastBytes] = Array.isArray(reply) ? (reply as [number, Buffer, Buffer, Buffer?]) : [];
  const tail = tails[(place ?? 0) - 1];
  if (tail === undefined) return new Error(`Redis answered an append with ${JSON.stringify(reply)}`);
  const { shard, stream, durable } = tail;
  if (String(what) === 'epoch') return notOurs(shard, found);
  try {
    const lastSeq = lastOf(shard, found, lastBytes)?.lastSeq ?? asSeq(0);
    if (lastSeq < durable) return new JournalRolledBack(shard, asSeq(lastSeq + 1), durable);
    return new Error(`${stream} ends at ${lastSeq}, and not where it was left`);
  } catch (error) {
    if (error instanceof JournalDamaged) return error;
    throw error;
  }
}

function anothers(shard: ShardId, installation: string, found: string): ProcessEnd {
  return found === ''
    ? new ProcessEnd(
        'loss',
        `Redis has lost the id of installation ${installation} (shard ${shard}), so it may have lost more; see what is left with: clipbook restore`,
      )
    : new ProcessEnd(
        'foreign',
        `shard ${shard} in Redis belongs to installation ${found}, not to ${installation === '' ? 'this one' : installation}`,
      );
}

/**
 * Redis has no epoch of a shard that this process took: its keys are gone. Nobody has taken the
 * shard over, so the next opening finds out what is left.
 */
export class EpochLost extends Error {
  override readonly name = 'EpochLost';
}

/** Why a shard is not this process's any more: `epoch` is what Redis has instead of ours. */
export function notOurs(shard: ShardId, epoch: unknown): JournalFenced | EpochLost {
  const found = String(epoch ?? '');
  if (found === '') return new EpochLost(`Redis has lost the epoch of shard ${shard}`);
  return fenced(shard, found);
}

function fenced(shard: ShardId, epoch: string): JournalFenced {
  return new JournalFenced(`shard ${shard} was taken over by epoch ${epoch}`);
}

function lastOf(shard: ShardId, id: Buffer | undefined, bytes: Buffer | undefined) {
  if (id === undefined || id.length === 0) return null;
  return decodeEntry(shard, String(id), bytes);
}
