/**
 * Requests and replies between an HTTP thread and a shard thread: messages with as many of them as
 * there are.
 *
 * A message is one flat array of numbers and strings: the structured clone of such an array costs a
 * fraction of that of an array of objects, whose property names travel every time. What is asked
 * often has a shape of its own; the rest travels as the object it is. Strings are what costs, some
 * 40 ns each on either side. So one that is the same as in the request before (callers and books
 * come in runs) is written as `SAME`, and a reply does not repeat what its command said.
 *
 *     request   number, id, shard, query
 *               number, id, shard, caller, request id, key, [fingerprint,] what the command says
 *     reply     number, id, shard, seq, replayed, what of the outcome the command did not say
 *               number, id, any other reply
 *
 * The readers, and what commands and outcomes say, are generated (messages.generated.ts).
 */
import type { Command, Query } from '../domain/command.js';
import type { ShardId } from '../domain/ids.js';
import { type Message, type MessageField, QUERY, SAME, type Said, WITHDRAWN } from './message.js';
import { requestNumberOf, writeCommand, writeReply } from './messages.generated.js';
import type { ActorReply } from './requests.js';

/** Requests of an HTTP thread to one shard thread. */
export class RequestWriter {
  #fields: MessageField[] = [];
  /** By request: where its id stands in `#fields`. The first `#count` are valid. */
  readonly #idPlaces: number[] = [];
  #count = 0;
  #caller = '';
  readonly #said: Said = { bookId: '' };

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
    this.#said.bookId = '';
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
    this.#fields.push(QUERY, id, shard, query);
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
    fields.push(requestNumberOf(command), id, shard, caller === this.#caller ? SAME : caller, requestId, key);
    this.#caller = caller;
    if (key !== null) fields.push(fingerprint);
    writeCommand(fields, this.#said, command);
  }
}

/** Replies of a shard thread to one HTTP thread. */
export class ReplyWriter {
  readonly #fields: MessageField[] = [];
  readonly #said: Said = { bookId: '' };

  get message(): Message {
    return this.#fields;
  }

  write(reply: ActorReply): void {
    writeReply(this.#fields, this.#said, reply);
  }
}
