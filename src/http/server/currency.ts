/** The currency of promotions and carts that name none. */
import { exponentOf } from '../../features/promotions/pricing/currencies.js';

export interface Currency {
  readonly code: string;
  /** The configuration names it. Messages then show its symbol. */
  readonly isGiven: boolean;
}

export const isCurrency = (text: string): boolean => exponentOf(text) !== null;
