/**
 * Tickets for live updates: what a browser puts into the URL of an `EventSource`, which can't send
 * headers. A ticket is a JSON Web Token of its own type, so that it is no access token. It opens
 * connections to its topics for ten minutes, and none of them outlives the token that it was made
 * with.
 */
import { jwtVerify, SignJWT } from 'jose';
import type { Role } from '../../engine/engine.js';
import type { TokenOptions } from './auth.js';

export interface Ticket {
  readonly caller: string;
  readonly role: Role;
  readonly generation: number;
  /** When the token ends that it was made with, Unix ms. */
  readonly endsMs: number;
  readonly topics: readonly string[];
}

export interface Tickets {
  sign(ticket: Ticket, nowMs: number): Promise<{ readonly ticket: string; readonly expiresMs: number }>;
  /** Null: it is not valid, or not any more. */
  verify(ticket: string, nowMs: number): Promise<Ticket | null>;
}

const TYPE = 'live-ticket+jwt';
const ALGORITHM = 'HS256';
const VALID_MS = 10 * 60_000;
const LENGTH_MAX = 8_000;

export function createTickets({
  secret,
  issuer,
  audience,
}: Pick<TokenOptions, 'secret' | 'issuer' | 'audience'>): Tickets {
  const key = new TextEncoder().encode(secret);
  return {
    async sign({ caller, role, generation, endsMs, topics }, nowMs) {
      const expiresMs = Math.min(nowMs + VALID_MS, endsMs);
      const ticket = await new SignJWT({ role, gen: generation, ends: endsMs, topics })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
        .setSubject(caller)
        .setIssuer(issuer)
        .setAudience(audience)
        .setExpirationTime(Math.floor(expiresMs / 1000))
        .sign(key);
      return { ticket, expiresMs };
    },
    async verify(ticket, nowMs) {
      if (ticket.length > LENGTH_MAX) return null;
      try {
        const currentDate = new Date(nowMs);
        const options = { algorithms: [ALGORITHM], issuer, audience, typ: TYPE, currentDate };
        const { payload } = await jwtVerify<Claims>(ticket, key, options);
        const { sub = '', role, gen, ends, topics } = payload;
        return { caller: sub, role, generation: gen, endsMs: ends, topics };
      } catch {
        return null;
      }
    },
  };
}

/** Signed by this server, so they are what `sign` wrote. */
interface Claims {
  readonly role: Role;
  readonly gen: number;
  readonly ends: number;
  readonly topics: readonly string[];
}
