/**
 * Requests and replies between an HTTP thread and a shard thread. A message holds one or more.
 *
 * A message is one flat array of numbers and strings. The structured clone of such an array costs a
 * fraction of the clone of an array of objects, because property names are not copied. Frequent
 * commands have a compact form; all others travel as objects. Strings are the expensive part, about
 * 40 ns each on either side. So a caller or book id that equals the last one in the message is
 * written as `SAME`, and a reply leaves out the fields of its command.
 *
 *     request   number, id, shard, query
 *               number, id, shard, cart to be priced, [caller, cart id]
 *               number, id, shard, caller, request id, key, [fingerprint,] fields of the command
 *     reply     number, id, shard, seq, replayed, fields of the outcome that the command lacks
 *               number, id, shard, seq, priced cart
 *               number, id, any other reply
 *
 * The readers and the fields of commands and outcomes are generated (messages.generated.ts).
 */
import type { Command, Query } from '../domain/command.js';
import type { ShardId } from '../domain/ids.js';
import { type LastWritten, type Message, type MessageField, QUERY, QUOTE, SAME, WITHDRAWN } from './message.js';
import { requestNumberOf, writeCommand, writeReply } from './messages.generated.js';
import { packPriceRequest } from './price-request.js';
import type { ActorReply } from './requests.js';

/** Requests of an HTTP thread to one shard thread. */
export class RequestWriter {
  #fields: MessageField[] = [];
  /** By request: where its id stands in `#fields`. The first `#count` are valid. */
  readonly #idPlaces: number[] = [];
  #count = 0;
  #caller = '';
  readonly #last: LastWritten = { bookId: '' };

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
    this.#last.bookId = '';
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
    if (query.kind !== 'quote') {
      this.#fields.push(QUERY, id, shard, query);
      return;
    }
    const { request, cart } = query;
    this.#fields.push(QUOTE, id, shard, packPriceRequest(request), cart?.caller ?? null, cart?.cartId ?? null);
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
    writeCommand(fields, this.#last, command);
  }
}

/** Replies of a shard thread to one HTTP thread. */
export class ReplyWriter {
  readonly #fields: MessageField[] = [];
  readonly #last: LastWritten = { bookId: '' };

  get message(): Message {
    return this.#fields;
  }

  write(reply: ActorReply): void {
    writeReply(this.#fields, this.#last, reply);
  }
}
