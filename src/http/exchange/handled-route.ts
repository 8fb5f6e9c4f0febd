import type { z } from 'zod';
import type { Role } from '../../engine/engine.js';
import type { FastReader } from '../fast/fast-bodies.js';

/**
 * What an exchange has to know of the route that it goes through; route.ts says what each field
 * means.
 */
export interface HandledRoute<Exchange> {
  readonly id: string;
  /** The table's number for it, by which it is counted. */
  readonly index: number;
  /** Null: needs no token. */
  readonly roles: readonly Role[] | null;
  /** A token that is sent is verified, whether one is needed or not. */
  readonly takesToken: boolean;
  readonly ownUser: 'body' | 'bodyIfNamed' | 'param' | null;
  readonly guessable: boolean;
  readonly paramNames: readonly string[];
  readonly paramSchemas: readonly z.ZodType<string>[];
  /**
   * By parameter: the fast path. True if its schema would leave the text unchanged. Null: there is
   * only the schema.
   */
  readonly fastParams: readonly (((text: string) => boolean) | null)[];
  readonly query: { parse(query: string): z.ZodSafeParseResult<unknown> } | null;
  readonly body: z.ZodType | null;
  readonly fastBody: FastReader<unknown> | null;
  readonly streamed: boolean;
  readonly bodyOptional: boolean;
  readonly bodyBytesMax: number;
  readonly openInDevelopment: boolean;
  readonly olderBodies: boolean;
  readonly change: boolean;
  readonly dryRun: boolean;
  /** It may change something, be it in a book or not. */
  readonly changes: boolean;
  readonly deadlineMs: number;
  handle(exchange: Exchange, body: unknown, query: unknown): void;
}
