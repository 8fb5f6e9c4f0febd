/** The fields of a new promotion, and how the cell of a file becomes one. */

export const LIST_MARK = '|';

type Form = 'text' | 'number' | 'boolean' | 'list' | 'json';

/** What each means and what is allowed, the server says. */
export const FIELDS: Readonly<Record<string, Form>> = {
  code: 'text',
  codePattern: 'text',
  automatic: 'boolean',
  name: 'text',
  type: 'text',
  discount: 'number',
  couponFor: 'text',
  products: 'list',
  categories: 'list',
  excludeProducts: 'list',
  minPurchaseAmount: 'number',
  maxDiscountAmount: 'number',
  currency: 'text',
  isActive: 'boolean',
  startDate: 'text',
  endDate: 'text',
  timeZone: 'text',
  schedule: 'json',
  maxUsage: 'number',
  maxUsagePerUser: 'number',
  maxUsagePerPeriod: 'json',
  budget: 'number',
  audience: 'json',
  condition: 'text',
  stacking: 'json',
  referrerUserId: 'text',
  campaignId: 'text',
  metadata: 'json',
};

/** A cell that can't be read in the form of its column. */
export class CellUnreadable extends Error {
  override readonly name = 'CellUnreadable';
}

/** Undefined: the cell is empty, so its field is left out. */
export function valueOfCell(field: string, cell: string): unknown {
  const form = FIELDS[field];
  if (form === undefined) throw new Error(`there is no field ${field}`);
  if (cell === '') return undefined;
  switch (form) {
    case 'text':
      return cell;
    case 'number':
      if (!/^-?\d+(?:\.\d+)?$/.test(cell)) throw new CellUnreadable(`${field}: ${cell} is not a number such as 19.90`);
      return Number(cell);
    case 'boolean': {
      const word = cell.toLowerCase();
      if (word !== 'true' && word !== 'false') throw new CellUnreadable(`${field}: ${cell} is not one of true, false`);
      return word === 'true';
    }
    case 'list':
      return cell.split(LIST_MARK).map((part) => part.trim());
    case 'json':
      try {
        return JSON.parse(cell) as unknown;
      } catch {
        throw new CellUnreadable(`${field}: ${cell} is not JSON`);
      }
  }
}

/** A promotion is for a minimum purchase exactly if it names one. */
export function withCouponFor(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { minPurchaseAmount } = fields;
  const couponFor = minPurchaseAmount === undefined || minPurchaseAmount === null ? 'product' : 'minPurchase';
  return { couponFor, ...fields };
}
