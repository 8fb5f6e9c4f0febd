/**
 * The types and fixed values of messages between threads; wire.ts describes the form. They are
 * apart from wire.ts because the generated code needs them too.
 */
import type { Command } from '../domain/command.js';
import type { CommandReply, QueryReply } from './engine.js';

export type MessageField = number | string | boolean | null | object;
export type Message = readonly MessageField[];

/** A request begins with one of these, or with the number of a command that has a compact form. */
export const QUERY = 0;
export const OTHER_REQUEST = 1;
/** A query that prices a cart (price-request.ts), and its reply. */
export const QUOTE = -1;
/** A reply begins with this, with `QUOTE`, or with the number of a compact form. */
export const OTHER_REPLY = 0;

/** Instead of a string: the string is the same as the last one of its kind in the message. */
export const SAME = 0;
/** Instead of a request's id: the request was withdrawn before the message was sent. */
export const WITHDRAWN = -1;

/** The last book id that was written into the message. */
export interface LastWritten {
  bookId: string;
}

/** A request that waits for its reply. */
export interface Asked {
  /** Null: a query. */
  readonly command: Command | null;
  /** A method, so that a function for replies to commands alone fits: a command gets no others. */
  reply(reply: CommandReply | QueryReply): void;
}
