/**
 * Requests and replies between an HTTP thread and a shard thread: messages with as many of them as there are.
 *
 * A message is one flat array of numbers and strings: the structured clone of such an array costs a fraction of that
 * of an array of objects, whose property names travel every time. What is asked often has a shape of its own; the rest
 * travels as the object it is. Strings are what costs, some 40 ns each on either side. So one that is the same as in the request before
 * (callers and books come in runs) is written as `SAME`, and a reply does not repeat what its command said.
 */
import type { Command, Query } from '../domain/command.js';
import { asBookId, asSeq, asShardId, type BookId, type Seq, type ShardId } from '../domain/ids.js';
import type { Outcome } from '../domain/outcome.js';
import type { CommandReply, QueryReply } from './engine.js';
import type { ActorReply, ActorRequest } from './requests.js';

export type Field = number | string | null | object;
export type Message = readonly Field[];

const REQUEST = {
  query: 0,
  other: 1,
  assignRandom: 2,
  redeemCode: 3,
  lockCode: 4,
  unlockCode: 5,
  assignCode: 6,
  unassignCode: 7,
} as const;
/** `drawn`: assigned from the book that the command named. */
const REPLY = { other: 0, drawn: 1, assigned: 2, redeemed: 3, locked: 4, unlocked: 5, unassigned: 6 } as const;
/** Stands for a string that is no number. */
const SAME = 0;
/** Stands in the place of the id of a request that was withdrawn before it was sent. */
const WITHDRAWN = -1;

/** Requests of an HTTP thread to one shard thread. */
export class RequestWriter {
  #fields: Field[] = [];
  /** By request: where its id stands in `#fields`. The first `#count` are valid. */
  readonly #idPlaces: number[] = [];
  #count = 0;
  #caller = '';
  #bookId = '';

  get count(): number {
    return this.#count;
  }

  /** The message; the next one is begun. */
  take(): Message {
    const fields = this.#fields;
    this.clear();
    return fields;
  }

  clear(): void {
    this.#fields = [];
    this.#count = 0;
    this.#caller = '';
    this.#bookId = '';
  }

  /**
   * Withdraws the newest request whose id `isMeant`, and returns its id; null when there is none.
   * Its fields stay, because `SAME` in a later request may refer to them; the reader skips it.
   */
  withdraw(isMeant: (id: number) => boolean): number | null {
    for (let i = this.#count - 1; i >= 0; i--) {
      // In bounds: i < #count.
      const place = this.#idPlaces[i] as number;
      const id = this.#fields[place] as number;
      if (id === WITHDRAWN || !isMeant(id)) continue;
      this.#fields[place] = WITHDRAWN;
      return id;
    }
    return null;
  }

  query(id: number, shard: ShardId, query: Query): void {
    this.#idPlaces[this.#count++] = this.#fields.length + 1;
    this.#fields.push(REQUEST.query, id, shard, query);
  }

  command(
    id: number,
    shard: ShardId,
    command: Command,
    caller: string,
    requestId: string,
    key: string | null,
    fingerprint: number,
  ): void {
    const fields = this.#fields;
    this.#idPlaces[this.#count++] = fields.length + 1;
    fields.push(opcodeOf(command), id, shard, caller === this.#caller ? SAME : caller, requestId, key);
    this.#caller = caller;
    if (key !== null) fields.push(fingerprint);
    switch (command.kind) {
      case 'assignRandom':
        fields.push(command.bookId === this.#bookId ? SAME : command.bookId, command.userId);
        this.#bookId = command.bookId;
        return;
      case 'redeemCode':
        fields.push(command.code, command.userId, command.lockId, command.metadata);
        return;
      case 'lockCode':
        fields.push(command.code, command.userId, command.ttlMs);
        return;
      case 'unlockCode':
        fields.push(command.code, command.userId, command.lockId);
        return;
      case 'assignCode':
        fields.push(command.code, command.userId);
        return;
      case 'unassignCode':
        fields.push(command.code, command.reason);
        return;
      case 'createBook':
      case 'updateBook':
      case 'archiveBook':
      case 'addCodes':
      case 'rollbackRedemption':
        fields.push(command);
    }
  }
}

function opcodeOf({ kind }: Command): number {
  switch (kind) {
    case 'assignRandom':
    case 'redeemCode':
    case 'lockCode':
    case 'unlockCode':
    case 'assignCode':
    case 'unassignCode':
      return REQUEST[kind];
    case 'createBook':
    case 'updateBook':
    case 'archiveBook':
    case 'addCodes':
    case 'rollbackRedemption':
      return REQUEST.other;
  }
}

export function readRequests(message: Message, to: number): ActorRequest[] {
  const requests: ActorRequest[] = [];
  let at = 0;
  let caller = '';
  let bookId = '';
  const next = () => message[at++];

  function readCommand(opcode: number): Command {
    switch (opcode) {
      case REQUEST.assignRandom: {
        const named = next();
        if (named !== SAME) bookId = named as string;
        return { kind: 'assignRandom', bookId: asBookId(bookId), userId: next() as string };
      }
      case REQUEST.redeemCode:
        return {
          kind: 'redeemCode',
          code: next() as string,
          userId: next() as string,
          lockId: next() as number | null,
          metadata: next() as Record<string, unknown> | null,
        };
      case REQUEST.lockCode:
        return { kind: 'lockCode', code: next() as string, userId: next() as string, ttlMs: next() as number | null };
      case REQUEST.unlockCode:
        return {
          kind: 'unlockCode',
          code: next() as string,
          userId: next() as string,
          lockId: next() as number | null,
        };
      case REQUEST.assignCode:
        return { kind: 'assignCode', code: next() as string, userId: next() as string };
      case REQUEST.unassignCode:
        return { kind: 'unassignCode', code: next() as string, reason: next() as string | null };
      case REQUEST.other:
        return next() as Command;
      default:
        throw new Error(`unknown request ${opcode}`);
    }
  }

  while (at < message.length) {
    const opcode = next();
    const id = next() as number;
    const shard = asShardId(next() as number);
    if (opcode === REQUEST.query) {
      const query = next() as Query;
      if (id !== WITHDRAWN) requests.push({ kind: 'query', to, id, shard, query });
      continue;
    }
    const named = next();
    if (named !== SAME) caller = named as string;
    const requestId = next() as string;
    const key = next() as string | null;
    const idempotency = key === null ? null : { key, fingerprint: next() as number };
    const origin = { caller, requestId, idempotency };
    const command = readCommand(opcode as number);
    if (id !== WITHDRAWN) requests.push({ kind: 'command', to, id, shard, origin, command });
  }
  return requests;
}

/** Replies of a shard thread to one HTTP thread. */
export class ReplyWriter {
  readonly #fields: Field[] = [];
  #bookId = '';

  get message(): Message {
    return this.#fields;
  }

  write({ id, command, reply }: ActorReply): void {
    const fields = this.#fields;
    if (reply.kind !== 'done') {
      fields.push(REPLY.other, id, reply);
      return;
    }
    const { outcome, shard, seq } = reply;
    const replayed = reply.replayed ? 1 : 0;
    switch (outcome.kind) {
      case 'assigned': {
        const isDrawn = command?.kind === 'assignRandom';
        fields.push(isDrawn ? REPLY.drawn : REPLY.assigned, id, shard, seq, replayed, outcome.assignedMs);
        fields.push(isDrawn ? outcome.code : this.#book(outcome.bookId));
        return;
      }
      case 'redeemed':
        fields.push(REPLY.redeemed, id, shard, seq, replayed, outcome.redemptionId, outcome.redeemedMs);
        fields.push(outcome.redemptionCount, outcome.remaining);
        return;
      case 'locked':
        fields.push(REPLY.locked, id, shard, seq, replayed, outcome.lockId, outcome.untilMs);
        return;
      case 'unlocked':
        fields.push(REPLY.unlocked, id, shard, seq, replayed);
        return;
      case 'unassigned':
        fields.push(REPLY.unassigned, id, shard, seq, replayed, this.#book(outcome.bookId));
        return;
      case 'book':
      case 'archived':
      case 'codesAdded':
      case 'rolledBack':
        fields.push(REPLY.other, id, reply);
    }
  }

  #book(bookId: string): Field {
    if (bookId === this.#bookId) return SAME;
    this.#bookId = bookId;
    return bookId;
  }
}

/** What the reader of replies knows of who asked. */
export interface Asked {
  /** Null: a query. */
  readonly command: Command | null;
  /** A method, so that one who awaits replies to commands only may stand here: it gets no others. */
  reply(reply: CommandReply | QueryReply): void;
}

/** `takeAsked` gives who asked under an id, once; undefined when nobody waits any more. */
export function readReplies(message: Message, takeAsked: (id: number) => Asked | undefined): void {
  let at = 0;
  let bookId = '';
  const next = () => message[at++];

  function book(): BookId {
    const named = next();
    if (named !== SAME) bookId = named as string;
    return asBookId(bookId);
  }

  /** Reads the fields in any case, for the next reply comes after them. */
  function readOutcome(opcode: number, command: Command | null): Outcome | null {
    switch (opcode) {
      case REPLY.drawn: {
        const assignedMs = next() as number;
        const code = next() as string;
        if (command?.kind !== 'assignRandom') return null;
        return { kind: 'assigned', bookId: command.bookId, code, userId: command.userId, assignedMs };
      }
      case REPLY.assigned: {
        const assignedMs = next() as number;
        const ofBook = book();
        if (command?.kind !== 'assignCode') return null;
        const { code, userId } = command;
        return { kind: 'assigned', bookId: ofBook, code, userId, assignedMs };
      }
      case REPLY.redeemed: {
        const redemptionId = next() as string;
        const redeemedMs = next() as number;
        const redemptionCount = next() as number;
        const remaining = next() as number | null;
        if (command?.kind !== 'redeemCode') return null;
        const { code, userId } = command;
        return { kind: 'redeemed', code, userId, redemptionId, redeemedMs, redemptionCount, remaining };
      }
      case REPLY.locked: {
        const lockId = next() as number;
        const untilMs = next() as number;
        if (command?.kind !== 'lockCode') return null;
        return { kind: 'locked', code: command.code, userId: command.userId, lockId, untilMs };
      }
      case REPLY.unlocked:
        return command?.kind === 'unlockCode' ? { kind: 'unlocked', code: command.code, userId: command.userId } : null;
      case REPLY.unassigned: {
        const ofBook = book();
        return command?.kind === 'unassignCode' ? { kind: 'unassigned', bookId: ofBook, code: command.code } : null;
      }
      default:
        throw new Error(`unknown reply ${opcode}`);
    }
  }

  while (at < message.length) {
    const opcode = next();
    const id = next() as number;
    const asked = takeAsked(id);
    if (opcode === REPLY.other) {
      const reply = next() as CommandReply | QueryReply;
      asked?.reply(reply);
      continue;
    }
    const shard = asShardId(next() as number);
    const seq: Seq = asSeq(next() as number);
    const replayed = next() === 1;
    const outcome = readOutcome(opcode as number, asked?.command ?? null);
    if (asked === undefined) continue;
    if (outcome === null) throw new Error(`reply ${opcode} does not belong to its command`);
    asked.reply({ kind: 'done', outcome, shard, seq, replayed });
  }
}
