/**
 * What an exchange asks of the engine, and how long that holds it: commands and queries with
 * callbacks for the hot path, the same as promises for the rest. The request's way to its handler
 * is in exchange.ts.
 */

import type { Command, Origin, Query } from '../../domain/command.js';
import type { ShardId } from '../../domain/ids.js';
import type { CommandReply, Done, QueryReply, QueryResult } from '../../engine/engine.js';
import { Answering } from './answering.js';
import { fingerprintOf } from './fingerprint.js';

export abstract class Asking extends Answering {
  /** '': none was sent; null: it is invalid. */
  protected idempotencyKey: string | null = '';
  protected readonly params: string[] = [];
  protected body: unknown;
  protected commanded = false;
  /** Async work has begun. */
  protected working = false;
  /** Replies, verdicts and async work that may still call this exchange. */
  protected held = 0;

  private render: (x: this, done: Done) => void = nothing;
  private show: (x: this, result: QueryResult) => void = nothing;

  /** The route may change something. */
  protected abstract get changes(): boolean;
  /** Called when nothing holds it any more. */
  protected abstract release(): void;

  protected override get mayHaveChanged(): boolean {
    return this.commanded || (this.working && this.changes);
  }

  /** The parameter of the path with this place, validated. */
  param(index: number): string {
    return this.params[index] ?? '';
  }

  origin(): Origin {
    const key = this.idempotencyKey;
    return {
      caller: this.caller,
      requestId: this.requestId,
      idempotency:
        key === null || key === ''
          ? null
          : { key, fingerprint: fingerprintOf(this.routeId ?? '', this.params, this.body) },
    };
  }

  /** The same for a body that was streamed. */
  originOf(bodyFingerprint: number): Origin {
    const origin = this.origin();
    if (origin.idempotency === null) return origin;
    const fingerprint = fingerprintOf(this.routeId ?? '', this.params, bodyFingerprint);
    return { ...origin, idempotency: { key: origin.idempotency.key, fingerprint } };
  }

  /** An idempotency key's scope: who sent it, and the key; null without one. */
  idempotencyScope(): string | null {
    return this.idempotencyKey === null || this.idempotencyKey === '' ? null : `${this.caller}\0${this.idempotencyKey}`;
  }

  /** Asks the engine; `render` answers a success, everything else is answered here. */
  command(command: Command, render: (x: this, done: Done) => void): void {
    this.render = render;
    this.held++;
    this.commanded = true;
    this.services.engine.command(command, this.origin(), this.onCommandReply);
  }

  protected readonly onCommandReply = (reply: CommandReply): void => {
    try {
      if (this.res === null) return;
      if (reply.kind === 'done') this.render(this, reply);
      else this.refuse(reply);
    } catch (error) {
      this.fail(error);
    } finally {
      this.letGo();
    }
  };

  query(query: Query, show: (x: this, result: QueryResult) => void): void {
    this.show = show;
    this.held++;
    this.services.engine.query(query, null, this.onQueryReply);
  }

  private readonly onQueryReply = (reply: QueryReply): void => {
    try {
      if (this.res === null) return;
      if (reply.kind === 'result') this.show(this, reply.result);
      else this.refuse(reply);
    } catch (error) {
      this.fail(error);
    } finally {
      this.letGo();
    }
  };

  /** The same as promises, for what is not hot; to be used within `run`. */
  askCommand(command: Command, origin: Origin): Promise<CommandReply> {
    // The caller got an answer or is gone: nothing may be changed any more.
    if (this.res === null) return Promise.resolve({ kind: 'unavailable', reason: 'overloaded', retryAfterMs: 1000 });
    this.commanded = true;
    return new Promise((resolve) => this.services.engine.command(command, origin, resolve));
  }

  /**
   * From now on something may be changed without a command: a deadline that passes leaves the
   * outcome unknown.
   */
  beginChange(): void {
    this.commanded = true;
  }

  askQuery(query: Query, shard: ShardId | null): Promise<QueryReply> {
    return new Promise((resolve) => this.services.engine.query(query, shard, resolve));
  }

  /**
   * Async work whose failure is answered, and during which the exchange stays this one. It begins
   * when all of the segment is parsed: what follows the request in it may end the connection, and
   * then the work must not be done.
   */
  run(work: () => Promise<void>): void {
    this.held++;
    setImmediate(() => {
      if (this.res === null) return this.letGo();
      this.working = true;
      void work()
        .catch((error: unknown) => this.fail(error))
        .finally(() => this.letGo());
    });
  }

  protected letGo(): void {
    this.held--;
    if (this.held === 0 && this.res === null && this.ending === null) this.release();
  }
}

function nothing(): void {}
