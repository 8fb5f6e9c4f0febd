/**
 * What is measured, as the bench sees it: something that serves HTTP, takes codes, and uses
 * processors.
 */
import type { CodeRange } from './codes.js';
import type { CpuTimes } from './cpu.js';

export const SUBJECT_NAMES = ['bare', 'clipbook-file', 'clipbook-redis', 'postgres-peer', 'redis-peer'] as const;
export type SubjectName = (typeof SUBJECT_NAMES)[number];

export interface NewBook {
  readonly redeemableBy: 'assignee' | 'bearer';
  readonly allowMultipleRedemptions?: boolean;
}

export interface Subject {
  readonly name: string;
  /** Without a slash at its end. */
  readonly url: string;
  /** Operations a second that it will hardly reach: how many codes its first run may need. */
  readonly rateGuess: number;
  /** An access token that is good for an hour. */
  token(): Promise<string>;
  /** Resolves to its id. */
  newBook(settings: NewBook): Promise<string>;
  addCodes(bookId: string, codes: CodeRange): Promise<void>;
  cpu(): CpuTimes;
  /** Of the process that serves. */
  residentBytes(): number;
  /**
   * Events that were answered and are not yet in PostgreSQL; null where there is nothing behind the
   * answer.
   */
  lagEvents(): Promise<number | null>;
  stop(): Promise<void>;
}
