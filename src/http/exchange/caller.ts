/**
 * Who sends a request: what the token says, and the address that limits count the request under.
 */

import type { CodeView } from '../../domain/command.js';
import type { Role } from '../../engine/engine.js';
import type { Services } from '../server/services.js';
import type { TokenCheck } from './auth.js';
import type { Connection } from './connection.js';
import type { Head } from './request-head.js';

export class Caller {
  /** The subject of the token; '' and `user` without a good one. */
  id = '';
  role: Role = 'user';
  /** The token is being verified. */
  isPending = false;
  hasToken = false;

  private check: TokenCheck | null = null;
  /** Raw, of the headers. */
  private forwarded = '';
  private forwardedFor = '';

  private readonly services: Services;
  private readonly connection: Connection;

  constructor(services: Services, connection: Connection) {
    this.services = services;
    this.connection = connection;
  }

  begin({ forwarded, forwardedFor }: Head): void {
    this.forwarded = forwarded;
    this.forwardedFor = forwardedFor;
  }

  clear(): void {
    this.id = '';
    this.role = 'user';
    this.hasToken = false;
    this.check = null;
  }

  /** False: the token has to be verified, and `verified` to be called with the result. */
  recognize(authorization: string, nowMs: number): boolean {
    this.hasToken = authorization !== '';
    if (!this.hasToken) return true;
    const check = this.services.tokens.remembered(authorization, nowMs);
    if (check === null) {
      this.isPending = true;
      return false;
    }
    this.take(check);
    return true;
  }

  /** Null: it could not be verified. */
  verified(check: TokenCheck | null): void {
    this.isPending = false;
    this.services.counters.add(check?.ok === true ? 'tokensVerified' : 'tokensRefused', 1);
    if (check !== null) this.take(check);
  }

  private take(check: TokenCheck): void {
    this.check = check;
    if (!check.ok) return;
    this.id = check.caller;
    this.role = check.role;
  }

  /** Why the token is no good, as a sentence; null: it is good. */
  get tokenFault(): string | null {
    if (this.check === null) return 'This needs an access token.';
    return this.check.ok ? null : this.check.detail;
  }

  /** What the token says; null without a good one. */
  account(): Extract<TokenCheck, { readonly ok: true }> | null {
    return this.check?.ok === true ? this.check : null;
  }

  /** What limits by address count this request under; '' once it is over. */
  address(): string {
    const peer = this.connection.peer();
    return peer === null ? '' : this.services.clients.of(peer, this.forwarded, this.forwardedFor);
  }

  /** A user sees the codes that are assigned to it. */
  maySee(code: CodeView): boolean {
    return this.role !== 'user' || code.userId === this.id;
  }

  /** Counts a code that a user does not have; guesses.ts says why. */
  countMiss(): void {
    if (this.role !== 'user') return;
    const { misses, counters } = this.services;
    const nowMs = this.services.nowMs();
    counters.add('misses', 1);
    misses.ofCaller.add(this.id, nowMs);
    misses.ofAddress.add(this.address(), nowMs);
  }

  /** When the caller may miss again, Unix ms; 0: now. */
  missesBlockedUntilMs(): number {
    const { misses } = this.services;
    if (misses.ofCaller.isEmpty()) return 0;
    const nowMs = this.services.nowMs();
    return Math.max(misses.ofCaller.blockedUntil(this.id, nowMs), misses.ofAddress.blockedUntil(this.address(), nowMs));
  }
}
