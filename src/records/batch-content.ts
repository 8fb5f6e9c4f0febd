/** How to generate the codes of a batch again, or how to check that uploaded codes are the same. */
export type BatchContent =
  | {
      readonly kind: 'generated';
      /** Canonical. */
      readonly pattern: string;
      /** The id of the generator key. */
      readonly keyId: number;
      readonly ranges: readonly CounterRange[];
      /**
       * Whether ordinals follow the order of the codes everywhere, or within runs
       * (codes/copy-rows.ts).
       */
      readonly order: 'byCode' | 'inRuns';
    }
  /**
   * `count` valid codes were uploaded. `sha256` (hexadecimal) is the hash of these codes in their
   * order, each with a newline. Fewer codes go live if some were duplicates or existed already.
   */
  | { readonly kind: 'uploaded'; readonly count: number; readonly sha256: string };

/** The counters `first .. end - 1` of a pattern. */
export interface CounterRange {
  readonly first: number;
  readonly end: number;
}
