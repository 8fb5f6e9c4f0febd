/**
 * Makes the TypeScript types of records, one interface each, in src/records/. They are written out,
 * so that layers below the features can import them, and so that a reader finds them by name.
 */
import {
  type CommandDeclaration,
  type EventDeclaration,
  fieldsOf,
  type OutcomeDeclaration,
} from '../../src/records/declare.js';
import type { Field, Fields } from '../../src/records/fields.js';
import { commands, events, outcomes, pathOf, records } from './declarations.js';
import { type CodeOf, codeFor, generatedFile, type Import, inCapitals, jsonTypeImports } from './source.js';

const TYPE: CodeOf<(field: Field) => string> = {
  text: () => 'string',
  textOrNull: () => 'string | null',
  bookId: () => 'BookId',
  scopeId: () => 'ScopeId',
  campaignId: () => 'CampaignId',
  code: () => 'string',
  subject: () => 'string',
  subjectOrNull: () => 'string | null',
  caller: () => 'string',
  redemptionId: () => 'string',
  seq: () => 'Seq',
  integer: () => 'number',
  integerOrNull: () => 'number | null',
  count: () => 'number',
  countOrNull: () => 'number | null',
  time: () => 'number',
  instant: () => 'number',
  instantOrNull: () => 'number | null',
  boolean: () => 'boolean',
  choice: ({ choices }) => (choices ?? []).map((word) => `'${word}'`).join(' | '),
  json: ({ type }) => type ?? 'Readonly<Record<string, unknown>>',
  jsonOrNull: ({ type }) => `${type ?? 'Readonly<Record<string, unknown>>'} | null`,
  record: ({ of }) => inCapitals(of?.name ?? ''),
  batchContent: () => 'BatchContent',
  object: ({ type }) => type ?? '',
};

/** A command may have the name of a record, but not a field with that record. */
const recordImport = (kinds: Kinds): Import => ({
  types: records
    .map(({ name }) => inCapitals(name))
    .filter((name) => kinds.every(({ kind }) => inCapitals(kind) !== name)),
  from: './values.generated.js',
});
const IMPORTS: readonly Import[] = [
  { types: ['BatchContent'], from: './batch-content.js' },
  { types: ['BookId', 'CampaignId', 'ScopeId', 'Seq'], from: './ids.js' },
  {
    types: ['DiscountChange', 'DiscountDraft', 'IfVersion', 'PriceRequest', 'RolledBackLine', 'StagedBatch'],
    from: './objects.js',
  },
  ...jsonTypeImports('.'),
];

export function valuesSource(): string {
  const parts = records.map((declared) => interfaceOf(declared.name, null, declared.fields, pathOf(declared)));
  return generatedFile('Records that are fields of others.', IMPORTS, parts.join('\n\n'));
}

export function eventsSource(): string {
  const numbers = events.map(({ kind, number }) => `${kind}: ${number},`);
  const names = events.map(({ kind, shownAs }) => `['${kind}', ${shownAs === null ? null : `'${shownAs}'`}],`);
  return generatedFile(
    'Events: what was decided, complete.',
    [...IMPORTS, recordImport(events)],
    `${unionOf('DomainEvent', events)}

/** The number of each event in \`changes.kind\`. The table \`change_kinds\` holds the same. */
export const eventNumbers: Readonly<Record<DomainEvent['kind'], number>> = {
  ${numbers.join('\n')}
};

/** The names of events in histories and live updates; null: callers do not see the event. */
export const shownNames: ReadonlyMap<string, string | null> = new Map([
  ${names.join('\n')}
]);`,
  );
}

/** Outcomes are seldom named one by one, and some have the name of a record or of an event. */
export function outcomesSource(): string {
  return generatedFile(
    'Outcomes: what an accepted command came to.',
    [...IMPORTS, recordImport([])],
    unionOf('Outcome', outcomes, 'Outcome'),
  );
}

export function commandsSource(): string {
  return generatedFile('Commands to a shard.', [...IMPORTS, recordImport(commands)], unionOf('Command', commands));
}

type Kinds = readonly (EventDeclaration | OutcomeDeclaration | CommandDeclaration)[];

function unionOf(name: string, declared: Kinds, suffix = ''): string {
  const interfaces = declared.map((one) => interfaceOf(`${one.kind}${suffix}`, one.kind, one.fields, pathOf(one)));
  const members = declared.map(({ kind }) => `| ${inCapitals(kind)}${suffix}`);
  return `export type ${name} =\n${members.join('\n')};\n\n${interfaces.join('\n\n')}`;
}

function interfaceOf(name: string, kind: string | null, fields: Fields, path: string): string {
  const lines = fieldsOf(fields).map(
    ([field, of]) => `readonly ${field}: ${codeFor(TYPE, of, `${name}.${field}`)(of)};`,
  );
  if (kind !== null) lines.unshift(`readonly kind: '${kind}';`);
  const about = `/** Declared in ${path}. */`;
  return `${about}\nexport interface ${inCapitals(name)} {\n${lines.join('\n')}\n}`;
}
