/**
 * What is under way for a request: commands and queries to the engine (with callbacks for the hot
 * path, as promises for the rest), async work of a handler, and the verification of a token. Each
 * holds the exchange, which must not serve another request before all of them have ended. Only this
 * file knows whether the caller's change may have been made.
 */

import type { Command, Origin, Query } from '../../domain/command.js';
import type { ShardId } from '../../domain/ids.js';
import { type CommandReply, ControlError, type Done, type QueryReply, type QueryResult } from '../../engine/engine.js';
import type { Services } from '../server/services.js';
import type { AnswerWriter } from './answer-writer.js';
import { BodyBroken } from './body-stream.js';
import type { Connection } from './connection.js';
import type { IncomingRequest } from './request.js';

interface WorkOptions {
  readonly services: Services;
  readonly connection: Connection;
  readonly request: IncomingRequest;
  readonly answer: AnswerWriter;
  /** Called when the last hold is released. */
  readonly onIdle: () => void;
}

type ShowDone = (answer: AnswerWriter, done: Done) => void;
export type ShowResult = (answer: AnswerWriter, result: QueryResult) => void;
export type CommandRefused = Exclude<CommandReply, { readonly kind: 'done' }>;
export type QueryRefused = Exclude<QueryReply, { readonly kind: 'result' }>;

export class Work {
  /** Replies, verified tokens and async work that are still to come. */
  private held = 0;
  /** The route may change something. */
  private changes = false;
  private commanded = false;
  /** Async work has begun. */
  private working = false;
  private showDone: ShowDone = nothing;
  private showResult: ShowResult = nothing;
  private refuseCommand: (answer: AnswerWriter, reply: CommandRefused) => void = nothing;
  private refuseQuery: (answer: AnswerWriter, reply: QueryRefused) => void = nothing;

  private readonly services: Services;
  private readonly connection: Connection;
  private readonly request: IncomingRequest;
  private readonly answer: AnswerWriter;
  private readonly onIdle: () => void;

  constructor({ services, connection, request, answer, onIdle }: WorkOptions) {
    this.services = services;
    this.connection = connection;
    this.request = request;
    this.answer = answer;
    this.onIdle = onIdle;
  }

  begin(changes: boolean): void {
    this.changes = changes;
  }

  clear(): void {
    this.commanded = false;
    this.working = false;
  }

  get isHeld(): boolean {
    return this.held > 0;
  }

  /** True if the caller's change may have been made, whatever fails from here on. */
  get mayHaveChanged(): boolean {
    return this.commanded || (this.working && this.changes);
  }

  hold(): void {
    this.held++;
  }

  release(): void {
    this.held--;
    if (this.held === 0) this.onIdle();
  }

  // -- the engine ---------------------------------------------------------------------------------

  /** Sends a command; `show` answers a success, `refuse` everything else. */
  command(command: Command, show: ShowDone, refuse = refuseAsUsual): void {
    this.showDone = show;
    this.refuseCommand = refuse;
    this.held++;
    if (this.request.isDryRun === true) {
      this.dryRun(command, this.onCommandReply);
      return;
    }
    this.commanded = true;
    this.services.engine.command(command, this.request.origin(), this.onCommandReply);
  }

  private readonly onCommandReply = (reply: CommandReply): void => {
    try {
      if (this.connection.isOver) return;
      if (reply.kind === 'done') this.showDone(this.answer, reply);
      else this.refuseCommand(this.answer, reply);
    } catch (error) {
      this.fail(error);
    } finally {
      this.release();
    }
  };

  /**
   * Asks what the command would be answered with. It is a read: nothing is changed or remembered.
   */
  private dryRun(command: Command, reply: (reply: CommandReply) => void): void {
    this.services.engine.query({ kind: 'dryRun', command }, null, (got) => {
      if (got.kind !== 'result') reply(got);
      else if (got.result.kind !== 'dryRun') throw new Error(`a ${got.result.kind} for a dry run`);
      else reply({ kind: 'done', outcome: got.result.outcome, shard: got.shard, seq: got.durableSeq, replayed: false });
    });
  }

  /** Takes the command back if it has not left this thread. */
  withdraw(): void {
    if (this.commanded && this.services.engine.withdraw(this.onCommandReply)) this.held--;
  }

  query(query: Query, show: ShowResult, refuse = refuseAsUsual): void {
    this.showResult = show;
    this.refuseQuery = refuse;
    this.held++;
    this.services.engine.query(query, null, this.onQueryReply);
  }

  private readonly onQueryReply = (reply: QueryReply): void => {
    try {
      if (this.connection.isOver) return;
      if (reply.kind === 'result') this.showResult(this.answer, reply.result);
      else this.refuseQuery(this.answer, reply);
    } catch (error) {
      this.fail(error);
    } finally {
      this.release();
    }
  };

  /** The same as promises, for what is not hot; to be used within `run`. */
  askCommand(command: Command, origin: Origin): Promise<CommandReply> {
    // The caller got an answer or is gone: nothing may be changed any more.
    if (this.connection.isOver) {
      return Promise.resolve({ kind: 'unavailable', reason: 'overloaded', retryAfterMs: 1000 });
    }
    if (this.request.isDryRun === true) return new Promise((resolve) => this.dryRun(command, resolve));
    this.commanded = true;
    return new Promise((resolve) => this.services.engine.command(command, origin, resolve));
  }

  askQuery(query: Query, shard: ShardId | null): Promise<QueryReply> {
    return new Promise((resolve) => this.services.engine.query(query, shard, resolve));
  }

  // -- async work ---------------------------------------------------------------------------------

  /**
   * From now on something may be changed without a command: a deadline that passes leaves the
   * outcome unknown.
   */
  beginChange(): void {
    this.commanded = true;
  }

  /**
   * Async work whose failure is answered, and during which the exchange stays this one. It begins
   * when all of the segment is parsed: what follows the request in it may end the connection, and
   * then the work must not be done.
   */
  run(work: () => Promise<void>): void {
    this.held++;
    setImmediate(() => {
      if (this.connection.isOver) return this.release();
      this.working = true;
      void work()
        .catch((error: unknown) => this.fail(error))
        .finally(() => this.release());
    });
  }

  /** What broke, as an answer: never with a stack. */
  fail(error: unknown): void {
    if (error instanceof BodyBroken) return;
    if (error instanceof ControlError) {
      this.answer.refuseControl(error);
      return;
    }
    const { id: requestId, routeId: route } = this.request;
    this.services.log.error({ err: error, requestId, route }, 'a handler failed');
    if (this.mayHaveChanged) this.answer.outcomeUnknown();
    else this.answer.problem('internal', 'Something broke that should not.');
  }
}

function nothing(): void {}

function refuseAsUsual(answer: AnswerWriter, reply: CommandRefused | QueryRefused): void {
  answer.refuse(reply);
}
