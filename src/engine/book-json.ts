/** The settings of a book in the words of the API. */
import type { BookSettings } from '../records/values.generated.js';

export function settingsJson({ startMs, endMs, lockTtlMs, ...settings }: BookSettings): Record<string, unknown> {
  return {
    name: settings.name,
    description: settings.description,
    startDate: isoOrNull(startMs),
    endDate: isoOrNull(endMs),
    isActive: settings.isActive,
    maxCodesPerUser: settings.maxCodesPerUser,
    maxRedemptionsPerUser: settings.maxRedemptionsPerUser,
    allowMultipleRedemptions: settings.allowMultipleRedemptions,
    maxRedemptionsPerCode: settings.maxRedemptionsPerCode,
    codePattern: settings.codePattern,
    redeemableBy: settings.redeemableBy,
    requireLock: settings.requireLock,
    lockTtlSeconds: lockTtlMs === null ? null : lockTtlMs / 1000,
    metadata: settings.metadata,
  };
}

const isoOrNull = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
