/** What commands hold that only travels between threads of the process. It is never stored. */

/**
 * Codes that are in the store (and loaded into the shard) but not live yet. `report` is what the
 * caller is told about them when they are live.
 */
export interface StagedBatch {
  readonly batchId: number;
  readonly size: number;
  readonly count: number;
  readonly report: Readonly<Record<string, unknown>>;
}

/** The book must have one of these versions; null: any version. */
export type IfVersion = readonly number[] | null;
