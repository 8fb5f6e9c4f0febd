/** What is the same for all exchanges of an HTTP thread, and handed to each. */
import type { Control, Engine } from '../../engine/engine.js';
import type { Tokens } from '../exchange/auth.js';
import type { Tickets } from '../exchange/tickets.js';
import type { Live } from '../live/live.js';
import type { ClientAddresses } from './client-address.js';
import type { Cors } from './cors.js';
import type { Counters } from './counters.js';
import type { Currency } from './currency.js';
import type { Deadlines, Watched } from './deadlines.js';
import type { RateLimit } from './limits.js';
import type { HttpLog } from './log.js';
import type { OrderRate } from './order-rate.js';
import type { Turns } from './turns.js';
import type { UsageCounts } from './usage-counts.js';

/** What an exchange and its handler may use. */
export interface Services {
  readonly engine: Engine;
  readonly control: Control;
  readonly tokens: Tokens;
  readonly tickets: Tickets;
  readonly live: Live;
  /** Validations and applications of promotions. */
  readonly usageCounts: UsageCounts;
  readonly tokenTtlSeconds: number;
  readonly currency: Currency;
  readonly flash: {
    /** Its older paths need no token. */
    readonly isOpen: boolean;
    readonly rate: OrderRate;
  };
  readonly counters: Counters;
  readonly log: HttpLog;
  readonly clients: ClientAddresses;
  /** Null: pages of other origins may not read answers. */
  readonly cors: Cors | null;
  /** Unknown codes that tokens of the role user asked for, per caller and per address. */
  readonly misses: { readonly ofCaller: RateLimit; readonly ofAddress: RateLimit };
  /** Wrong passwords, per email and per address, and turns at verifying one. */
  readonly signIns: { readonly ofEmail: RateLimit; readonly ofAddress: RateLimit; readonly turns: Turns };
  /** Words that no code may be, in upper case. */
  readonly reserved: readonly string[];
  /** The description, ready to send. */
  readonly openApi: string;
  /** `/asyncapi.json`. */
  readonly asyncApi: string;
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
