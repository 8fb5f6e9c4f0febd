/**
 * The state of one shard: what the kernel keeps, and a slice of each feature. A new feature adds
 * its slice here and its rules to rules.ts.
 */
import { ShardKernel } from '../domain/kernel.js';
import { Coupons } from './coupons/state.js';
import { Promotions } from './promotions/state.js';

export class ShardState extends ShardKernel {
  readonly coupons: Coupons = new Coupons(this);
  readonly promotions: Promotions = new Promotions(this, this.coupons);

  bytes(): number {
    return this.remembered.bytes + this.coupons.bytes() + this.promotions.bytes();
  }
}
