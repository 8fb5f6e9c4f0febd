/** What makes the codes of a batch again, or tells whether they are the same. */
export type BatchContent =
  | {
      readonly kind: 'generated';
      /** Canonical. */
      readonly pattern: string;
      /** Of the generator's keys. */
      readonly keyId: number;
      readonly ranges: readonly CounterRange[];
      /**
       * How the ordinals follow: in the order of the code, or in that order within runs
       * (codes/copy-rows.ts).
       */
      readonly order: 'byCode' | 'inRuns';
    }
  /**
   * `count` valid codes came, in this order, each with a newline: that is what `sha256`
   * (hexadecimal) is of. Fewer go live where codes came twice or existed.
   */
  | { readonly kind: 'uploaded'; readonly count: number; readonly sha256: string };

/** The counters `first .. end - 1` of a pattern. */
export interface CounterRange {
  readonly first: number;
  readonly end: number;
}
