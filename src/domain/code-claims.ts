/** What promotions ask of the namespace of all codes, which coupon books keep. */
export interface CodeClaims {
  /** The row that takes the code is in the store, and its batch is open. */
  canClaim(batchId: number): boolean;
}
