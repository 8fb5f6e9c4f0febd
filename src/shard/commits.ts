/**
 * The commits of a thread's shards, and the replies that wait for them.
 *
 *     begin ─▶ in flight ─▶ landed: durable, its replies leave
 *                  │
 *                  └─▶ failed ─▶ recovered: its durable replies leave, the others are refused
 *                            └─▶ abandoned: this process can't learn any more what is durable
 *
 * Per shard, appended ≥ in flight ≥ durable. Commits land in the order in which they began. A reply
 * belongs to the last commit that it could depend on.
 */
import type { Seq, ShardId } from '../domain/ids.js';
import { type ActorReply, refused, unavailable } from '../engine/requests.js';
import type { Entry } from '../journal/journal.js';
import type { Reply } from './turn.js';

export interface Commit {
  readonly entries: readonly Entry[];
  readonly replies: Reply[];
}

export class Commits {
  readonly #inFlight: Commit[] = [];
  /** Were in flight when the journal failed. */
  #failed: readonly Commit[] = [];
  readonly #durable = new Map<ShardId, Seq>();

  /** The last sequence of each shard that is known to be durable. Empty: none was opened yet. */
  get durable(): ReadonlyMap<ShardId, Seq> {
    return this.#durable;
  }

  get isEmpty(): boolean {
    return this.#inFlight.length === 0 && this.#failed.length === 0;
  }

  /**
   * Whether a commit with so many replies should begin now. A small commit costs the disk as much
   * as a large one. So while another commit is in flight, the next one waits until it is as large,
   * or until the other one is durable.
   */
  mayBegin(replyCount: number, inFlightMax: number): boolean {
    if (this.#inFlight.length >= inFlightMax) return false;
    const last = this.#inFlight.at(-1);
    return last === undefined || replyCount >= last.replies.length;
  }

  begin(entries: readonly Entry[], replies: Reply[]): Commit {
    const commit = { entries, replies };
    this.#inFlight.push(commit);
    return commit;
  }

  /**
   * Holds replies that depend on no later change than those in flight. False: nothing is in flight,
   * so they may leave.
   */
  attach(replies: readonly Reply[]): boolean {
    const last = this.#inFlight.at(-1);
    if (last === undefined) return false;
    for (const reply of replies) last.replies.push(reply);
    return true;
  }

  /** The commit is durable: its replies may leave. */
  land(commit: Commit): void {
    if (this.#inFlight.shift() !== commit) throw new Error('the journal completed commits out of order');
    for (const { shard, lastSeq } of commit.entries) this.#durable.set(shard, lastSeq);
  }

  /** The journal failed. Commits of an earlier failure may still wait for a recovery. */
  fail(): void {
    this.#failed = [...this.#failed, ...this.#inFlight.splice(0)];
  }

  /** A recovery found that the shard is durable through `seq`. */
  recovered(shard: ShardId, seq: Seq): void {
    this.#durable.set(shard, seq);
  }

  /** The replies of failed commits, when all shards are recovered: refused where not durable. */
  resolve(): ActorReply[] {
    const failed = this.#failed;
    this.#failed = [];
    return failed.flatMap(({ replies }) =>
      replies.map((reply): ActorReply => {
        if (reply.seq <= (this.#durable.get(reply.shard) ?? 0)) return reply;
        return refused(reply, unavailable('recovering', 1000));
      }),
    );
  }

  /** The replies of failed commits, when this process won't recover. */
  abandon(): Reply[] {
    const failed = this.#failed;
    this.#failed = [];
    return failed.flatMap(({ replies }) => replies);
  }
}
