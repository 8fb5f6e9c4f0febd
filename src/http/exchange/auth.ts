/**
 * Access tokens: HS256 JSON Web Tokens, signed and verified by jose.
 *
 * Verifying one costs 90 µs, ten times a whole request, so the result is cached under the raw
 * `Authorization` header: a good one for at most a minute or until the token ends, a bad one for
 * ten seconds, in a map of its own, so that a flood of bad tokens can't push the good ones out.
 * Requests that come while their token is being verified wait for the same verification. A full map
 * forgets its oldest entry; that costs a verification, nothing else.
 *
 * A repair of an account ends the tokens that were issued before it (`end`): remembered checks of
 * them are forgotten at once, and they are refused from then on. A request whose token was checked
 * before that goes on.
 */
import { jwtVerify, SignJWT } from 'jose';
import { isSeededEmail } from '../../control/seeded-logins.js';
import type { Account, EndedTokens, Role } from '../../engine/engine.js';
import { USER_ID } from '../api/text-rule.js';

export interface TokenOptions {
  /** At least 32 bytes. */
  readonly secret: string;
  readonly issuer: string;
  readonly audience: string;
  readonly ttlSeconds: number;
  /** Tokens of the seeded logins are refused by name, whichever database issued them. */
  readonly refusesSeeded: boolean;
}

/** The result of checking a header. At `untilMs` it has to be verified again. */
export type TokenCheck =
  | {
      readonly ok: true;
      readonly caller: string;
      readonly role: Role;
      readonly untilMs: number;
      /** When the token ends, Unix ms. */
      readonly endsMs: number;
      /** Of the account, when the token was issued. */
      readonly generation: number;
    }
  | { readonly ok: false; readonly detail: string; readonly untilMs: number };

export interface Tokens {
  sign(account: Account, nowMs: number): Promise<string>;
  /** The remembered check of a raw `Authorization` header, or null: then ask `verify`. */
  remembered(authorization: string, nowMs: number): TokenCheck | null;
  /**
   * Never throws. Calls back later, never before this returns; with null when too many are waiting.
   */
  verify(authorization: string, nowMs: number, reply: (check: TokenCheck | null) => void): void;
  /** Replaces the list of tokens that are not valid any more. */
  end(ended: readonly EndedTokens[]): void;
  /** Whether a token that was valid is not valid any more. */
  isOver(
    token: { readonly caller: string; readonly generation: number; readonly endsMs: number },
    nowMs: number,
  ): boolean;
}

const ALGORITHM = 'HS256';
/** RFC 9068's type: a token that was made for something else is none. */
const TYPE = 'at+jwt';
const CLOCK_TOLERANCE_SECONDS = 5;
const GOOD_FOR_MS = 60_000;
const BAD_FOR_MS = 10_000;
const GOOD_MAX = 10_000;
const BAD_MAX = 1_000;
const WAITING_MAX = 4_096;
const HEADER_LENGTH_MAX = 4_000;
const NOT_ANY_MORE = 'The access token is not valid, or not any more.';
const ROLES: ReadonlySet<unknown> = new Set<Role>(['admin', 'service', 'user']);

export function createTokens({ secret, issuer, audience, ttlSeconds, refusesSeeded }: TokenOptions): Tokens {
  const key = new TextEncoder().encode(secret);
  const good = new Map<string, TokenCheck>();
  const bad = new Map<string, TokenCheck>();
  const waiting = new Map<string, ((check: TokenCheck | null) => void)[]>();
  /** By account: tokens of an earlier generation are not valid. */
  let endedBefore: ReadonlyMap<string, number> = new Map();
  let waitingCount = 0;
  let last: TokenCheck | null = null;
  let lastAuthorization = '';

  const isEnded = (caller: string, generation: number): boolean => generation < (endedBefore.get(caller) ?? 0);

  function remember(authorization: string, check: TokenCheck): void {
    const map = check.ok ? good : bad;
    if (map.size >= (check.ok ? GOOD_MAX : BAD_MAX)) map.delete(map.keys().next().value ?? '');
    map.set(authorization, check);
  }

  async function verifyHeader(authorization: string, nowMs: number): Promise<TokenCheck> {
    const refused = (detail: string): TokenCheck => ({ ok: false, detail, untilMs: nowMs + BAD_FOR_MS });
    const match = /^bearer +([\w-]+\.[\w-]+\.[\w-]+) *$/i.exec(authorization);
    if (match === null || authorization.length > HEADER_LENGTH_MAX) {
      return refused('The Authorization header is not "Bearer" with an access token.');
    }
    try {
      const { payload } = await jwtVerify(match[1] ?? '', key, {
        algorithms: [ALGORITHM],
        issuer,
        audience,
        typ: TYPE,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(nowMs),
        requiredClaims: ['sub', 'exp'],
      });
      const { sub, exp, role } = payload;
      // The subject is kept in PostgreSQL and compared with user ids, so it has to be what a user
      // id can be.
      if (typeof sub !== 'string' || !USER_ID.test(sub) || !ROLES.has(role)) {
        return refused('The access token does not name a subject and a role.');
      }
      const generation = generationOf(payload);
      if (isEnded(sub, generation) || (refusesSeeded && isSeededEmail(String(payload['email'] ?? ''))))
        return refused(NOT_ANY_MORE);
      const endsMs = ((exp ?? 0) + CLOCK_TOLERANCE_SECONDS) * 1000;
      const untilMs = Math.min(nowMs + GOOD_FOR_MS, endsMs);
      return { ok: true, caller: sub, role: role as Role, untilMs, endsMs, generation };
    } catch {
      return refused(NOT_ANY_MORE);
    }
  }

  return {
    sign(account, nowMs) {
      const issuedSeconds = Math.floor(nowMs / 1000);
      const { role, email, generation = 0 } = account;
      return new SignJWT({ role, email, gen: generation })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
        .setSubject(account.id)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(issuedSeconds)
        .setExpirationTime(issuedSeconds + ttlSeconds)
        .sign(key);
    },

    remembered(authorization, nowMs) {
      // A service uses one token for all calls. Comparing it is cheaper than hashing it for the
      // map.
      if (authorization === lastAuthorization && last !== null && last.untilMs > nowMs) return last;
      const check = good.get(authorization) ?? bad.get(authorization);
      if (check === undefined || check.untilMs <= nowMs) return null;
      if (check.ok) {
        last = check;
        lastAuthorization = authorization;
      }
      return check;
    },

    verify(authorization, nowMs, reply) {
      if (waitingCount >= WAITING_MAX) {
        queueMicrotask(() => reply(null));
        return;
      }
      waitingCount++;
      const others = waiting.get(authorization);
      if (others !== undefined) {
        others.push(reply);
        return;
      }
      const replies = [reply];
      waiting.set(authorization, replies);
      // `verifyHeader` catches what a token can do wrong, so it does not reject.
      void verifyHeader(authorization, nowMs).then((check) => {
        good.delete(authorization);
        bad.delete(authorization);
        remember(authorization, check);
        waiting.delete(authorization);
        waitingCount -= replies.length;
        for (const each of replies) each(check);
      });
    },

    isOver: ({ caller, generation, endsMs }, nowMs) => endsMs <= nowMs || isEnded(caller, generation),

    end(ended) {
      endedBefore = new Map(ended.map(({ accountId, before }) => [accountId, before ?? Number.POSITIVE_INFINITY]));
      for (const [authorization, check] of good) {
        if (check.ok && endedBefore.has(check.caller)) good.delete(authorization);
      }
      // Of an account that was enabled again, a new token may have been refused by the list before.
      bad.clear();
      last = null;
    },
  };
}

/** Tokens that were signed before accounts had generations name none. */
function generationOf({ gen }: { readonly [claim: string]: unknown }): number {
  return typeof gen === 'number' ? gen : 0;
}
