/** What is the same for all exchanges of an HTTP thread, and handed to each. */
import type { Control, Engine } from '../actor/engine.js';
import type { Tokens } from './auth.js';
import type { Counters } from './counters.js';
import type { Deadlines, Watched } from './deadlines.js';
import type { RateLimit, Slots } from './limits.js';

/** What an exchange and its handler may use. */
export interface Services {
  readonly engine: Engine;
  readonly control: Control;
  readonly tokens: Tokens;
  readonly tokenTtlSeconds: number;
  readonly counters: Counters;
  readonly log: HttpLog;
  /** Unknown codes that tokens of the role user asked for, per caller and per address. */
  readonly misses: { readonly ofCaller: RateLimit; readonly ofAddress: RateLimit };
  readonly signIns: { readonly ofEmail: RateLimit; readonly ofAddress: RateLimit; readonly slots: Slots };
  /** Words that no code may be, in upper case. */
  readonly reserved: readonly string[];
  /** The description, ready to send. */
  readonly openApi: string;
  readonly version: string;
  /** The library of the API page, compressed with gzip. */
  readonly scalar: Buffer;
  /** Unix ms, a few hundred of them late at most. */
  nowMs(): number;
  newRequestId(): string;
  isDraining(): boolean;
  isOverloaded(): boolean;
  readonly deadlines: Deadlines<Expiring>;
}

/** Has a deadline. */
export interface Expiring {
  /** The deadlines' own. */
  readonly watched: Watched<Expiring>;
  /** The deadline has passed. */
  expire(): void;
  /** The server stops, and nothing is waited for any more. */
  giveUp(): void;
}

export interface HttpLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}
