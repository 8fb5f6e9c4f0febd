/**
 * Values of records that have no cases of their own in cases.ts, made from their declarations: one
 * with a value in each field, and one with null in each field that can be null.
 */
import { commands, events, outcomes } from '../../scripts/generate/declarations.js';
import type { Command } from '../../src/domain/command.js';
import type { DomainEvent } from '../../src/domain/event.js';
import { asCampaignId } from '../../src/domain/ids.js';
import type { Outcome } from '../../src/domain/outcome.js';
import { fieldsOf } from '../../src/records/declare.js';
import type { Field, Fields, Form } from '../../src/records/fields.js';
import type { PriceRequest } from '../../src/records/objects.js';

const AT_MS = 1_790_000_000_123;
const UUID = '01930000-0000-7000-8000-0000000000aa';
const OF_CAMPAIGNS: ReadonlySet<string | null> = new Set(['Promotion', 'Stock']);
const CAMPAIGN_ID = '01930000-0000-7000-8000-000000000001';

const PRICE_REQUEST: PriceRequest = {
  campaignId: asCampaignId(UUID),
  codes: ['SAVE10'],
  promotionIds: [UUID],
  isWhole: true,
  cart: {
    lines: [{ productId: 'Hemd „XL“', categoryIds: ['tops'], quantity: 2, unitPrice: 1999 }],
    total: 3998,
    productIds: [],
    shipping: 450,
    currency: 'EUR',
  },
  userId: 'Zoë',
  segments: ['new'],
  mode: 'best',
  verdicts: [{ promotionId: UUID, version: 3, reason: null }],
};

const SAMPLES: Readonly<Record<Form, (field: Field) => unknown>> = {
  text: () => 'Träume',
  textOrNull: () => 'wrong user – sorry',
  bookId: () => '01930000-0000-7000-8000-000000000001',
  scopeId: () => '01930000-0000-7000-8000-000000000001',
  campaignId: () => CAMPAIGN_ID,
  code: () => 'ABCD-EFGH',
  subject: () => 'Zoë "the" 日本',
  subjectOrNull: () => 'Zoë "the" 日本',
  caller: () => 'till-1',
  redemptionId: () => UUID,
  seq: () => 41,
  integer: () => 2 ** 40,
  integerOrNull: () => 90_000,
  count: () => 300,
  countOrNull: () => 70_000,
  time: () => AT_MS + 300_000,
  instant: () => AT_MS - 5000,
  instantOrNull: () => AT_MS,
  boolean: () => true,
  choice: ({ choices }) => choices?.[1],
  // A promotion and a stock say of which campaign they are.
  json: ({ type }) => ({ till: 4, ...(OF_CAMPAIGNS.has(type) ? { campaignId: CAMPAIGN_ID } : {}) }),
  jsonOrNull: () => ({ nested: { z: true } }),
  record: ({ of }) => valuesOf(of?.fields ?? {}, false),
  batchContent: () => ({ kind: 'uploaded', count: 500, sha256: 'ab'.repeat(32) }),
  object: ({ type }) => (type === 'PriceRequest' ? PRICE_REQUEST : null),
};

export const sampleEvents = (known: object): ReadonlyMap<string, DomainEvent> => samplesOf(events, known);
export const sampleOutcomes = (known: object): ReadonlyMap<string, Outcome> => samplesOf(outcomes, known);
export const sampleCommands = (known: object): ReadonlyMap<string, Command> => samplesOf(commands, known);

/** An outcome of the command, which says the same in each field that both have. */
export function sampleOutcomeOf(command: Command): Outcome {
  const declared = commands.find(({ kind }) => kind === command.kind)?.gives;
  if (declared === undefined) throw new Error(`no command ${command.kind} is declared`);
  const values = valuesOf(declared.fields, false);
  const same = Object.entries(command).filter(([name]) => name in values);
  return { kind: declared.kind, ...values, ...Object.fromEntries(same) } as unknown as Outcome;
}

function samplesOf<Value>(
  declared: readonly { readonly kind: string; readonly fields: Fields }[],
  known: object,
): ReadonlyMap<string, Value> {
  const made = declared
    .filter(({ kind }) => !(kind in known))
    .flatMap(({ kind, fields }) =>
      [false, true].map((isBare, n) => [`${kind} ${n + 1}`, { kind, ...valuesOf(fields, isBare) } as Value] as const),
    );
  return new Map(made);
}

function valuesOf(fields: Fields, isBare: boolean): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    fieldsOf(fields).map(([name, field]) => [
      name,
      isBare && field.form.endsWith('OrNull') ? null : SAMPLES[field.form](field),
    ]),
  );
}
