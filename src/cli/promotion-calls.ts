/** `clipbook promotion create`, `list` and `apply`: one request each, or one for each page. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Client, Json } from './client.js';
import { CommandFailed, EXIT, messageOf } from './failure.js';
import { withCouponFor } from './promotion-fields.js';
import type { Terminal } from './terminal.js';

type Fields = Readonly<Record<string, unknown>>;

const PAGE_SIZE = 100;

interface CreateOptions {
  /** In the words of the API; what is undefined was not given. */
  readonly fields: Fields;
  /** A JSON file with more of them. */
  readonly from: string | null;
  readonly idempotencyKey: string | null;
}

export async function createPromotion(
  client: Client,
  { fields, from, idempotencyKey }: CreateOptions,
  terminal: Terminal,
): Promise<void> {
  const json = withCouponFor({ ...(await fieldsIn('--from <file>', from)), ...given(fields) });
  const key = idempotencyKey ?? randomUUID();
  const made = await client.call({ method: 'POST', path: '/coupons', json, idempotencyKey: key });
  terminal.result(`created ${lineOf(made)}`, made);
}

/** All that the API lets a list be paged through. */
export async function listPromotions(
  client: Client,
  filter: Readonly<Record<string, string | undefined>>,
  terminal: Terminal,
): Promise<void> {
  const all: Json[] = [];
  for (let page = 1; ; page++) {
    const query = { ...filter, sortBy: 'createdAt:desc', page: String(page), limit: String(PAGE_SIZE) };
    const { results, totalPages } = await client.call({ method: 'GET', path: '/coupons', query });
    for (const promotion of results as readonly Json[]) {
      all.push(promotion);
      terminal.resultLine(lineOf(promotion));
    }
    if (page >= Number(totalPages)) break;
  }
  terminal.resultJson(all);
}

interface ApplyOptions {
  readonly codes: readonly string[];
  readonly fields: Fields;
  /** A JSON file with a cart. */
  readonly from: string | null;
}

export async function applyCodes(client: Client, { codes, fields, from }: ApplyOptions, terminal: Terminal) {
  const [code] = codes;
  const named = codes.length === 1 ? { code } : { codes };
  const json = { ...(await fieldsIn('--cart <file>', from)), ...given(fields), ...named };
  const priced = await client.call({ method: 'POST', path: '/coupons/apply', json });
  const { originalAmount, discountAmount, finalAmount, currency } = priced;
  const steps = (priced['steps'] as readonly Json[]).map(stepText);
  const sum = `${String(originalAmount)} - ${String(discountAmount)} = ${String(finalAmount)} ${String(currency)}`;
  terminal.result([...steps, sum].join('\n'), priced);
}

function stepText({ code, couponId, result, amount, rule, reason, explanation }: Json): string {
  const name = String(code ?? couponId);
  if (result === 'applied') return `${name}: ${String(amount)} off: ${String(rule)}`;
  return `${name}: skipped: ${String(reason)}${explanation === undefined ? '' : ` (${String(explanation)})`}`;
}

/** `SUMMER20  20 percentage  118 of 500 used  01a2…`, and what else is to know of it. */
function lineOf({ id, code, automatic, type, discount, currency, usageCount, maxUsage, isActive }: Json): string {
  const name = automatic === true && code === null ? '(automatic)' : String(code);
  const what = type === 'fixed' ? `${String(discount)} ${String(currency)}` : `${String(discount)} %`;
  const used = maxUsage === null ? `${String(usageCount)} used` : `${String(usageCount)} of ${String(maxUsage)} used`;
  return [name, `${what} ${String(type)}`, used, ...(isActive === true ? [] : ['off']), String(id)].join('  ');
}

const given = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

async function fieldsIn(option: string, file: string | null): Promise<Fields> {
  if (file === null) return {};
  const wrong = (why: string): CommandFailed => new CommandFailed(EXIT.usage, `option '${option}': '${file}' ${why}.`);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw wrong(`cannot be read: ${messageOf(error)}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong(`is not JSON: ${messageOf(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('is not a JSON object');
  return value as Fields;
}
