/**
 * The rows of docs/discounts.md as carts and promotions, and prices as its cells. The page says how
 * to read a row. An unknown word is an error, so that no row passes because it is not understood.
 */
import assert from 'node:assert/strict';
import { exponentOf } from '../../../src/features/promotions/pricing/currencies.js';
import { toMinorUnits, toTenThousandths } from '../../../src/features/promotions/pricing/money.js';
import type { Candidate, Cart, CartLine, Mode, Offer, Priced } from '../../../src/features/promotions/pricing/types.js';
import { offer } from './offers.js';

export interface Row {
  readonly section: string;
  readonly name: string;
  readonly cart: Cart;
  readonly candidates: readonly Candidate[];
  readonly mode: Mode;
  readonly takes: string;
  readonly toPay: string;
}

const HEAD = '| case | cart | promotions | takes | to pay |';

export function rowsOf(page: string): Row[] {
  let section = '';
  const rows: Row[] = [];
  for (const line of page.split('\n')) {
    if (line.startsWith('#')) section = line.replace(/^#+ /, '');
    if (!line.startsWith('| ') || line === HEAD || line.startsWith('| ---')) continue;
    const cells = line.split('|').map((cell) => cell.trim());
    const [, name = '', cart = '', promotions = '', takes = '', toPay = ''] = cells;
    assert.equal(cells.length, 7, line);
    const parsed = cartOf(cart);
    const isBest = promotions.startsWith('best: ');
    const candidates = promotions
      .replace(/^best: /, '')
      .split('; ')
      .map((text) => candidateOf(text, parsed.currency));
    rows.push({ section, name, cart: parsed, candidates, mode: isBest ? 'best' : 'all', takes, toPay });
  }
  return rows;
}

/** What the page has to say of a price. */
export function cellsOf(cart: Cart, priced: Priced): { takes: string; toPay: string } {
  const show = (minor: number): string => shown(minor, cart.currency);
  const texts = priced.steps.map((step) => {
    if (step.kind === 'skipped') return `${step.id}: ${step.reason}`;
    const applied = priced.applied.find(({ offer: { id } }) => id === step.id);
    assert.equal(applied?.amount, step.amount, 'a step has the amount of its offer');
    const lines = applied.lines.map(({ line, amount }) => `${cart.lines?.[line]?.productId} ${show(amount)}`);
    return `${step.id} ${show(step.amount)}${lines.length === 0 ? '' : ` (${lines.join(', ')})`}`;
  });
  return { takes: texts.join('; '), toPay: show(priced.finalAmount) };
}

/** With all fraction digits, as a price tag shows it. */
function shown(minor: number, currency: string): string {
  const exponent = exponentOf(currency) ?? 0;
  const digits = String(minor).padStart(exponent + 1, '0');
  return exponent === 0 ? digits : `${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

/** `USD: 2 × shirt 12.50 (clothes), mug 5, shipping 4.90` or `USD: total 1000 of A B` */
function cartOf(text: string): Cart {
  const [, currency = '', rest = ''] = /^([A-Z]{3}): (.+)$/.exec(text) ?? assert.fail(text);
  let shipping: number | null = null;
  let total: number | null = null;
  let productIds: readonly string[] = [];
  const lines: CartLine[] = [];
  for (const part of rest.split(', ')) {
    const ofShipping = /^shipping (\S+)$/.exec(part);
    const ofTotal = /^total (\S+)(?: of (.+))?$/.exec(part);
    const ofLine = /^(?:(\d+) × )?(\w+) ([\d.]+)(?: \((.+)\))?$/.exec(part);
    if (ofShipping !== null) {
      shipping = money(ofShipping[1], currency);
    } else if (ofTotal !== null) {
      total = money(ofTotal[1], currency);
      productIds = ofTotal[2]?.split(' ') ?? [];
    } else if (ofLine !== null) {
      const [, quantity = '1', productId = '', price, categories] = ofLine;
      const categoryIds = categories?.split(' ') ?? [];
      lines.push({ productId, categoryIds, quantity: Number(quantity), unitPrice: money(price, currency) });
    } else assert.fail(`${part} in ${text}`);
  }
  assert.ok((total === null) !== (lines.length === 0), `${text}: lines or a total`);
  if (total !== null) return { lines: null, total, productIds, shipping, currency };
  const sum = lines.reduce((before, { quantity, unitPrice }) => before + quantity * unitPrice, 0);
  return { lines, total: sum, productIds: lines.map(({ productId }) => productId), shipping, currency };
}

/** `A 10 %, product shirt mug, group g` */
function candidateOf(text: string, cartCurrency: string): Candidate {
  const [first = '', ...options] = text.split(', ');
  const [, code = '', discount = ''] = /^([A-Z0-9]+) (.+)$/.exec(first) ?? assert.fail(text);
  const [, said = '', unit] = /^(\S+) (%|off|% of shipping)$/.exec(discount) ?? assert.fail(text);
  const percent = unit === 'off' ? 0 : (toTenThousandths(Number(said)) ?? assert.fail(text));
  const values = new Map(options.map((option) => optionOf(option)));
  const currency = values.get('currency') ?? cartCurrency;
  const amount = (name: string): number | null => {
    const value = values.get(name);
    return value === undefined ? null : money(value, currency);
  };
  const list = (name: string): readonly string[] => values.get(name)?.split(' ') ?? [];
  const made: Offer = offer({
    id: code,
    code: values.has('automatic') ? null : code,
    type: unit === 'off' ? 'fixed' : unit === '%' ? 'percentage' : 'shipping',
    discount: unit === 'off' ? money(said, currency) : percent,
    couponFor: values.has('from') ? 'minPurchase' : 'product',
    products: list('product'),
    categories: list('category'),
    excludeProducts: list('not product'),
    minPurchaseAmount: amount('from'),
    maxDiscountAmount: amount('at most'),
    currency,
    stacking: {
      group: values.get('group') ?? null,
      priority: Number(values.get('priority') ?? 0),
      exclusive: values.has('alone'),
      base: values.has('before discounts') ? 'original' : 'running',
    },
  });
  return { offer: made, refusal: values.get('refused:') ?? null, budgetLeft: amount('budget left') };
}

const FLAGS = /^(alone|before discounts|automatic)$/;
const VALUES = /^(product|category|not product|from|at most|priority|group|currency|budget left|refused:) (\S.*)$/;

function optionOf(text: string): readonly [name: string, value: string] {
  const [, name = '', value = ''] = FLAGS.exec(text) ?? VALUES.exec(text) ?? assert.fail(`unknown option: ${text}`);
  return [name, value];
}

function money(text: string | undefined, currency: string): number {
  return toMinorUnits(Number(text), exponentOf(currency) ?? assert.fail(currency)) ?? assert.fail(text);
}
