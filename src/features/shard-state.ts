/**
 * The state of one shard: what the kernel keeps, and a slice of each feature. A new feature adds
 * its slice here and its rules to rules.ts.
 */
import { ShardKernel } from '../domain/kernel.js';
import { CodesForCarts } from './coupons/codes-for-carts.js';
import { Coupons } from './coupons/state.js';
import { Flash } from './flash/state.js';
import { DiscountsOfBooks } from './promotions/book-discounts.js';
import { Promotions } from './promotions/state.js';

export class ShardState extends ShardKernel {
  readonly coupons: Coupons = new Coupons(this);
  readonly promotions: Promotions = new Promotions(this, new CodesForCarts(this.coupons));
  readonly flash: Flash = new Flash(this);

  constructor(options: ConstructorParameters<typeof ShardKernel>[0]) {
    super(options);
    this.coupons.discounts = new DiscountsOfBooks(this.promotions);
  }

  bytes(): number {
    return this.remembered.bytes + this.coupons.bytes() + this.promotions.bytes() + this.flash.bytes();
  }
}
