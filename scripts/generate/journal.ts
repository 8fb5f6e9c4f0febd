/**
 * Makes src/journal/records.generated.ts: events and outcomes in the payload of a journal entry.
 */
import { fieldsOf } from '../../src/records/declare.js';
import type { Field, Fields, RecordDeclaration } from '../../src/records/fields.js';
import { events, outcomes, records } from './declarations.js';
import { type CodeOf, codeFor, generatedFile, inCapitals, jsonTypeImports } from './source.js';

const WRITE: CodeOf<(value: string, field: Field) => string> = {
  text: (value) => `out.text(${value})`,
  textOrNull: (value) => `out.textOrNull(${value})`,
  bookId: (value) => `out.name(${value})`,
  scopeId: (value) => `out.name(${value})`,
  campaignId: (value) => `out.name(${value})`,
  code: (value) => `out.code(${value})`,
  subject: (value) => `out.subject(${value})`,
  subjectOrNull: (value) => `out.subjectOrNull(${value})`,
  caller: (value) => `out.caller(${value})`,
  redemptionId: (value) => `out.redemption(${value})`,
  seq: (value) => `out.number(${value})`,
  integer: (value) => `out.number(${value})`,
  integerOrNull: (value) => `out.numberOrNull(${value})`,
  count: (value) => `out.number(${value})`,
  countOrNull: (value) => `out.numberOrNull(${value})`,
  time: (value) => `out.time(${value}, atMs)`,
  instant: (value) => `out.number(${value})`,
  instantOrNull: (value) => `out.numberOrNull(${value})`,
  boolean: (value) => `out.boolean(${value})`,
  choice: (value, { choices }) => `out.boolean(${value} === '${choices?.[1]}')`,
  json: (value) => `out.json(${value})`,
  jsonOrNull: (value) => `out.json(${value})`,
  record: (value, { of }) => `encode${inCapitals(of?.name ?? '')}(out, ${value}${usesTime(of) ? ', atMs' : ''})`,
  batchContent: (value) => `encodeBatchContent(out, ${value})`,
  object: null,
};

const READ: CodeOf<(field: Field) => string> = {
  text: () => 'from.text()',
  textOrNull: () => 'from.textOrNull()',
  bookId: () => 'from.name() as BookId',
  scopeId: () => 'from.name() as ScopeId',
  campaignId: () => 'from.name() as CampaignId',
  code: () => 'from.name()',
  subject: () => 'from.subject()',
  subjectOrNull: () => 'from.subjectOrNull()',
  caller: () => 'from.caller()',
  redemptionId: () => 'from.name()',
  seq: () => 'from.integer() as Seq',
  integer: () => 'from.integer()',
  integerOrNull: () => 'from.integerOrNull()',
  count: () => 'from.integer()',
  countOrNull: () => 'from.integerOrNull()',
  time: () => 'from.time(atMs)',
  instant: () => 'from.integer()',
  instantOrNull: () => 'from.integerOrNull()',
  boolean: () => 'from.boolean()',
  choice: ({ choices }) => `from.boolean() ? '${choices?.[1]}' : '${choices?.[0]}'`,
  json: ({ type }) => (type === null ? 'from.json()' : `from.json() as unknown as ${type}`),
  jsonOrNull: ({ type }) => (type === null ? 'from.jsonOrNull()' : `from.jsonOrNull() as ${type} | null`),
  record: ({ of }) => `decode${inCapitals(of?.name ?? '')}(from${usesTime(of) ? ', atMs' : ''})`,
  batchContent: () => 'decodeBatchContent(from)',
  object: null,
};

interface Numbered {
  readonly kind: string;
  readonly number: number;
  readonly fields: Fields;
}

export function journalSource(): string {
  const parts = [
    encoder('Event', 'DomainEvent', events),
    decoder('Event', 'DomainEvent', 'event', events),
    encoder('Outcome', 'Outcome', outcomes),
    decoder('Outcome', 'Outcome', 'outcome', outcomes),
    ...innerRecords().map(recordSource),
  ];
  return generatedFile(
    'Events and outcomes in the payload of a journal entry; codec.ts describes the form.',
    [
      { types: ['DomainEvent'], from: '../records/events.generated.js' },
      { types: ['BookId', 'CampaignId', 'ScopeId', 'Seq'], from: '../records/ids.js' },
      { types: ['Outcome'], from: '../records/outcomes.generated.js' },
      ...jsonTypeImports('../records'),
      { names: ['unknownRecord'], from: '../records/unknown.js' },
      { types: records.map(({ name }) => inCapitals(name)), from: '../records/values.generated.js' },
      { names: ['decodeBatchContent', 'encodeBatchContent'], from: './batch-content.js' },
      { types: ['FieldReader', 'FieldWriter'], from: './payload-fields.js' },
    ],
    parts.join('\n\n'),
  );
}

function encoder(name: string, type: string, declarations: readonly Numbered[]): string {
  const cases = declarations.map(({ kind, number, fields }) => {
    const lines = fieldsOf(fields).map(([field, of]) => `${write(`value.${field}`, of, `${kind}.${field}`)};`);
    return `case '${kind}':\nout.number(${number - 1});\n${lines.join('\n')}\nreturn;`;
  });
  return `/** \`atMs\` is the time of the change. */
export function encode${name}(out: FieldWriter, value: ${type}, atMs: number): void {
  switch (value.kind) {
    ${cases.join('\n')}
    default:
      unknownRecord(value);
  }
}`;
}

function decoder(name: string, type: string, word: string, declarations: readonly Numbered[]): string {
  const cases = declarations.map(({ kind, number, fields }) => {
    const values = fieldsOf(fields).map(([field, of]) => `${field}: ${read(of, `${kind}.${field}`)}`);
    return `case ${number - 1}: return { ${[`kind: '${kind}'`, ...values].join(', ')} };`;
  });
  return `export function decode${name}(from: FieldReader, atMs: number): ${type} {
  const number = from.integer();
  switch (number) {
    ${cases.join('\n')}
    default:
      throw new Error(\`journal payload: unknown kind of ${word}, number \${number}\`);
  }
}`;
}

function recordSource(declared: RecordDeclaration): string {
  const { name, fields, journalOrder } = declared;
  const type = inCapitals(name);
  const entries = fieldsOf(fields);
  const stored = (journalOrder ?? Object.keys(fields)).map((field): readonly [string, Field] => [
    field,
    fields[field] as Field,
  ]);
  if (stored.length !== entries.length) throw new Error(`${name}: its journal order names other fields`);
  const writes = stored.map(([field, of]) => `${write(`value.${field}`, of, `${name}.${field}`)};`);
  // In the order of the declaration, the object literal itself can read the fields.
  const reads = journalOrder === null ? [] : stored;
  const values = entries.map(([field, of]) =>
    journalOrder === null ? `${field}: ${read(of, `${name}.${field}`)}` : field,
  );
  const time = usesTime(declared) ? ', atMs: number' : '';
  return `function encode${type}(out: FieldWriter, value: ${type}${time}): void {
  ${writes.join('\n')}
}

function decode${type}(from: FieldReader${time}): ${type} {
  ${reads.map(([field, of]) => `const ${field} = ${read(of, `${name}.${field}`)};`).join('\n')}
  return { ${values.join(', ')} };
}`;
}

const write = (value: string, field: Field, where: string): string => codeFor(WRITE, field, where)(value, field);
const read = (field: Field, where: string): string => codeFor(READ, field, where)(field);

/** Whether it has a field that is stored as a difference to the time of the change. */
function usesTime(declared: RecordDeclaration | null): boolean {
  if (declared === null) return false;
  return fieldsOf(declared.fields).some(([, { form, of }]) => form === 'time' || usesTime(of));
}

/** Records that are fields of others, each after the record that holds it. */
function innerRecords(): RecordDeclaration[] {
  const found = new Map<string, RecordDeclaration>();
  const visit = (fields: Fields): void => {
    for (const [, { of }] of fieldsOf(fields)) {
      if (of === null) continue;
      found.set(of.name, of);
      visit(of.fields);
    }
  };
  for (const { fields } of [...events, ...outcomes]) visit(fields);
  return [...found.values()];
}
