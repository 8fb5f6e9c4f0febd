/**
 * A message between threads: a flat array, and what stands in it besides the fields of commands;
 * see wire.ts.
 */
import type { Command } from '../domain/command.js';
import type { CommandReply, QueryReply } from './engine.js';

export type MessageField = number | string | null | object;
export type Message = readonly MessageField[];

/** What a request begins with that is not one of the commands which have a form of their own. */
export const QUERY = 0;
export const OTHER_REQUEST = 1;
/** The same for a reply. */
export const OTHER_REPLY = 0;

/** Stands for a string that is no number. */
export const SAME = 0;
/** Stands in the place of the id of a request that was withdrawn before it was sent. */
export const WITHDRAWN = -1;

/** The last book id of the message so far, which `SAME` stands for. */
export interface Said {
  bookId: string;
}

/** What the reader of replies knows of who asked. */
export interface Asked {
  /** Null: a query. */
  readonly command: Command | null;
  /**
   * A method, so that one who awaits replies to commands only may stand here: it gets no others.
   */
  reply(reply: CommandReply | QueryReply): void;
}
