/**
 * The table of `clipbook promotion …`; what is run is in promotion-calls.ts and promotion-file.ts.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Client } from './client.js';
import { applyCodes, createPromotion, listPromotions } from './promotion-calls.js';
import { FIELDS, LIST_MARK } from './promotion-fields.js';
import { importPromotions } from './promotion-file.js';
import type { Terminal } from './terminal.js';

export interface Declaring {
  /** Declares a command that speaks to a server. */
  speaking(parent: Command, name: string, description: string): Command;
  session(command: Command): { readonly client: Client; readonly terminal: Terminal };
  keyOption(): Option;
}

const IMPORT_HELP = `
The first row names the columns, by the fields of the API: ${Object.keys(FIELDS).join(', ')}.
Lists are separated by "${LIST_MARK}"; schedule, maxUsagePerPeriod, audience, stacking and metadata are JSON. An empty cell
leaves its field out. couponFor is minPurchase if minPurchaseAmount is given, else product. A line that the server
refuses is reported, and the others go on; then the command ends with 1.
`;

export function addPromotionCommands(
  program: Command,
  { speaking, session, keyOption }: Declaring,
  signal: AbortSignal,
): void {
  const promotion = program
    .command('promotion')
    .description('Make, list and try promotions: codes with a discount that many customers share.');

  speaking(promotion, 'create', 'Make a promotion.')
    .addOption(new Option('--type <type>', 'what --discount is').choices(['percentage', 'fixed', 'shipping']))
    .option('--discount <n>', 'percent, or an amount of money with --type fixed', parseNumber)
    .option('--code <code>', 'its code; without it one is generated')
    .option('--automatic', 'it needs no code')
    .option('--name <name>', 'a name for people')
    .option('--products <ids>', `only for these products, separated by "${LIST_MARK}"`, parseList)
    .option('--min-purchase <amount>', 'the cart needs at least this much', parseNumber)
    .option('--max-usage <n>', 'how often it can be used in all', parseNumber)
    .option('--max-usage-per-user <n>', 'how often by each user', parseNumber)
    .option('--budget <amount>', 'the most money that all uses take', parseNumber)
    .option('--currency <code>', 'ISO 4217; without it that of the server')
    .option('--start <time>', 'an ISO 8601 time with an offset, or a date with --time-zone')
    .option('--end <time>', 'the same; of a date, the whole day counts')
    .option('--time-zone <name>', 'IANA, such as Europe/Berlin')
    .option('--condition <cel>', 'a CEL expression over cart and user')
    .option('--campaign <id>', 'the campaign that it belongs to, a UUID')
    .option('--from <file>', 'a JSON file with the fields of the API; options take precedence')
    .addOption(keyOption())
    .action(async (options: CreateFlags, command: Command) => {
      const { client, terminal } = session(command);
      const { from = null, idempotencyKey = null } = options;
      await createPromotion(client, { fields: fieldsOf(options), from, idempotencyKey }, terminal);
    });

  speaking(promotion, 'list', 'List promotions, the newest first.')
    .option('--code <code>', 'only this one')
    .option('--campaign <id>', 'only of this campaign')
    .addOption(new Option('--active <is>', 'only those that are switched on, or off').choices(['true', 'false']))
    .action(async ({ code, campaign, active }: ListFlags, command: Command) => {
      const { client, terminal } = session(command);
      await listPromotions(client, { code, campaignId: campaign, isActive: active }, terminal);
    });

  speaking(promotion, 'apply', 'Show what a cart costs with codes. Nothing is reserved or changed.')
    .argument('[codes...]', 'without one: automatic promotions alone')
    .option('--total <amount>', 'goods of the cart, without shipping', parseNumber)
    .option('--products <ids>', `the products of the cart, separated by "${LIST_MARK}"`, parseList)
    .option('--shipping <amount>', 'the shipping cost', parseNumber)
    .option('--user <id>', 'whose cart it is')
    .option('--currency <code>', 'ISO 4217; without it that of the server')
    .addOption(new Option('--mode <mode>', 'all that apply, or those that save most').choices(['all', 'best']))
    .option('--cart <file>', 'a JSON file with a cart, as the API takes it; options take precedence')
    .action(async (codes: string[], options: ApplyFlags, command: Command) => {
      const { client, terminal } = session(command);
      const { total: cartTotal, products: productIds, shipping, user: userId, currency, mode, cart = null } = options;
      const fields = { cartTotal, productIds, shipping, userId, currency, mode };
      await applyCodes(client, { codes, fields, from: cart }, terminal);
    });

  speaking(promotion, 'import', 'Make promotions from the lines of a CSV file.')
    .argument('<file>', 'a .csv file in UTF-8 with a header')
    .addOption(keyOption())
    .addHelpText('after', IMPORT_HELP)
    .action(async (file: string, options: { readonly idempotencyKey?: string }, command: Command) => {
      const { client, terminal } = session(command);
      const { idempotencyKey = null } = options;
      await importPromotions(client, { file, idempotencyKey }, terminal, signal);
    });
}

interface CreateFlags {
  readonly type?: string;
  readonly discount?: number;
  readonly code?: string;
  readonly automatic?: boolean;
  readonly name?: string;
  readonly products?: readonly string[];
  readonly minPurchase?: number;
  readonly maxUsage?: number;
  readonly maxUsagePerUser?: number;
  readonly budget?: number;
  readonly currency?: string;
  readonly start?: string;
  readonly end?: string;
  readonly timeZone?: string;
  readonly condition?: string;
  readonly campaign?: string;
  readonly from?: string;
  readonly idempotencyKey?: string;
}

/** In the words of the API; what was not given is undefined. */
function fieldsOf(options: CreateFlags): Readonly<Record<string, unknown>> {
  const { minPurchase, start, end, campaign } = options;
  const { type, discount, code, automatic, name, products } = options;
  const { maxUsage, maxUsagePerUser, budget, currency, timeZone, condition } = options;
  return {
    ...{ type, discount, code, automatic, name, products, minPurchaseAmount: minPurchase },
    ...{ maxUsage, maxUsagePerUser, budget, currency, startDate: start, endDate: end, timeZone, condition },
    campaignId: campaign,
  };
}

interface ListFlags {
  readonly code?: string;
  readonly campaign?: string;
  readonly active?: string;
}

interface ApplyFlags {
  readonly total?: number;
  readonly products?: readonly string[];
  readonly shipping?: number;
  readonly user?: string;
  readonly currency?: string;
  readonly mode?: string;
  readonly cart?: string;
}

/** The server says which numbers are allowed. */
function parseNumber(text: string): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(number)) return number;
  throw new InvalidArgumentError('Allowed is a number such as 20 or 19.90.');
}

const parseList = (text: string): string[] => text.split(LIST_MARK).map((part) => part.trim());
