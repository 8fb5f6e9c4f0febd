/**
 * Records that are fields of others.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import type { BatchContent } from './batch-content.js';
import type { BookId } from './ids.js';

/** Declared in src/features/coupons/batches.ts. */
export interface OpenBatch {
  readonly batchId: number;
  readonly bookId: BookId;
  readonly caller: string;
  readonly key: string | null;
  readonly fingerprint: number | null;
  readonly openedMs: number;
  readonly content: BatchContent;
}

/** Declared in src/features/coupons/books.ts. */
export interface BookSettings {
  readonly name: string;
  readonly description: string | null;
  readonly startMs: number | null;
  readonly endMs: number | null;
  readonly isActive: boolean;
  readonly maxCodesPerUser: number | null;
  readonly maxRedemptionsPerUser: number | null;
  readonly allowMultipleRedemptions: boolean;
  readonly maxRedemptionsPerCode: number | null;
  readonly codePattern: string | null;
  readonly redeemableBy: 'assignee' | 'bearer';
  readonly requireLock: boolean;
  readonly lockTtlMs: number | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

/** Declared in src/features/coupons/books.ts. */
export interface Book {
  readonly id: BookId;
  readonly settings: BookSettings;
  readonly version: number;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly archivedMs: number | null;
}

/** Declared in src/features/coupons/books.ts. */
export interface BookCounts {
  readonly total: number;
  readonly available: number;
  readonly assigned: number;
  readonly locked: number;
  readonly redeemed: number;
  readonly redemptions: number;
}
