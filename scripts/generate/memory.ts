/** Makes src/domain/outcome-memory.generated.ts: outcomes in the memory of idempotency keys. */
import { fieldsOf } from '../../src/records/declare.js';
import { outcomes } from './declarations.js';
import { type CodeOf, codeFor, generatedFile } from './source.js';

const TEXT = { write: (value: string) => `appendText(${value})`, read: 'readText()' };
const NUMBER = { write: (value: string) => `appendNumber(${value})`, read: 'readNumber()' };
const NUMBER_OR_NULL = { write: (value: string) => `appendNumberOrNull(${value})`, read: 'readNumberOrNull()' };

const CODE: CodeOf<{ readonly write: (value: string) => string; readonly read: string }> = {
  text: TEXT,
  textOrNull: null,
  bookId: { ...TEXT, read: 'readText() as BookId' },
  scopeId: null,
  campaignId: null,
  code: TEXT,
  subject: TEXT,
  subjectOrNull: null,
  caller: TEXT,
  redemptionId: TEXT,
  seq: { ...NUMBER, read: 'readNumber() as Seq' },
  integer: NUMBER,
  integerOrNull: NUMBER_OR_NULL,
  count: NUMBER,
  countOrNull: NUMBER_OR_NULL,
  time: NUMBER,
  instant: NUMBER,
  instantOrNull: NUMBER_OR_NULL,
  boolean: null,
  choice: null,
  json: null,
  jsonOrNull: null,
  record: null,
  batchContent: null,
  object: null,
};

export function memorySource(): string {
  const compact = outcomes.filter(({ memory }) => memory !== 'json');
  const inJson = outcomes.filter(({ memory }) => memory === 'json');
  const writes = compact.map(({ kind, memory, fields }) => {
    const lines = fieldsOf(fields).map(
      ([name, field]) => `${codeFor(CODE, field, `${kind}.${name}`).write(`outcome.${name}`)};`,
    );
    return `case '${kind}':\nappendByte(${memory});\n${lines.join('\n')}\nreturn;`;
  });
  const reads = compact.map(({ kind, memory, fields }) => {
    const values = fieldsOf(fields).map(([name, field]) => `${name}: ${codeFor(CODE, field, `${kind}.${name}`).read}`);
    return `case ${memory}: return { kind: '${kind}', ${values.join(', ')} };`;
  });
  return generatedFile(
    'Outcomes in the memory of idempotency keys; outcome-bytes.ts describes the form.',
    [
      { types: ['BookId', 'Seq'], from: '../records/ids.js' },
      { types: ['Outcome'], from: '../records/outcomes.generated.js' },
      { names: ['unknownRecord'], from: '../records/unknown.js' },
      {
        names: [
          'appendByte',
          'appendNumber',
          'appendNumberOrNull',
          'appendText',
          'beginReading',
          'JSON_TEXT',
          'readByte',
          'readNumber',
          'readNumberOrNull',
          'readText',
        ],
        from: './outcome-bytes.js',
      },
    ],
    `/** Appends to \`scratch\`. */
export function appendOutcome(outcome: Outcome): void {
  switch (outcome.kind) {
    ${writes.join('\n')}
    ${inJson.map(({ kind }) => `case '${kind}':`).join('\n')}
      appendByte(JSON_TEXT);
      appendText(JSON.stringify(outcome));
      return;
    default:
      unknownRecord(outcome);
  }
}

/** Reads what \`appendOutcome\` wrote at \`start\`. */
export function readOutcome(bytes: Uint8Array, start: number): Outcome {
  beginReading(bytes, start);
  const form = readByte();
  switch (form) {
    ${reads.join('\n')}
    case JSON_TEXT:
      return JSON.parse(readText()) as Outcome;
    default:
      throw new Error(\`no outcome has the form \${form}\`);
  }
}`,
  );
}
