/** Makes src/http/fast/answers.generated.ts: outcomes as the JSON of HTTP answers. */
import { fieldsOf } from '../../src/records/declare.js';
import { outcomes } from './declarations.js';
import { type CodeOf, codeFor, generatedFile, inCapitals } from './source.js';

type Piece = { readonly literal: string } | { readonly call: (value: string) => string };

const call = (make: (value: string) => string): Piece => ({ call: make });
const QUOTE: Piece = { literal: '"' };
const PLAIN = [QUOTE, call((value) => `.ascii(${value})`), QUOTE];
const WHOLE = [call((value) => `.whole(${value})`)];
const WHOLE_OR_NULL = [call((value) => `.wholeOrNull(${value})`)];

/** The value of a field in JSON. Codes and ids need no escape. */
const WRITE: CodeOf<readonly Piece[]> = {
  text: [call((value) => `.json(${value})`)],
  textOrNull: null,
  bookId: PLAIN,
  scopeId: null,
  campaignId: null,
  code: PLAIN,
  subject: [call((value) => `.json(${value})`)],
  subjectOrNull: null,
  caller: [call((value) => `.json(${value})`)],
  redemptionId: PLAIN,
  seq: WHOLE,
  integer: WHOLE,
  integerOrNull: WHOLE_OR_NULL,
  count: WHOLE,
  countOrNull: WHOLE_OR_NULL,
  time: [QUOTE, call((value) => `.ascii(upToSecond(${value})).ascii(millis(${value}))`), QUOTE],
  instant: null,
  instantOrNull: null,
  boolean: null,
  choice: null,
  json: null,
  jsonOrNull: null,
  record: null,
  batchContent: null,
  object: null,
};

export function answersSource(): string {
  const parts = outcomes
    .filter(({ answer }) => answer === 'fields')
    .map(({ kind, fields }) => {
      const list = fieldsOf(fields);
      const pieces = list.flatMap(([name, field], n): Piece[] => {
        const before = `${n === 0 ? '{' : ','}"${field.shownAs ?? name}":`;
        const written = codeFor(WRITE, field, `${kind}.${name}`);
        return [{ literal: before }, ...written.map((piece) => named(piece, name))];
      });
      return `export function show${inCapitals(kind)}(answer: AnswerWriter, done: Done): void {
  const { ${list.map(([name]) => name).join(', ')} } = expectOutcome(done, '${kind}');
  answer.write()${joined([...pieces, { literal: '}' }])};
  answer.changedAsWritten(done);
}`;
    });
  return generatedFile(
    'Outcomes as the JSON of HTTP answers, written as bytes; answer-bytes.ts says why.',
    [
      { types: ['Done'], from: '../../engine/engine.js' },
      { types: ['AnswerWriter'], from: '../exchange/answer-writer.js' },
      { names: ['millis', 'upToSecond'], from: './iso-time.js' },
      { names: ['expectOutcome'], from: '../api/views.js' },
    ],
    parts.join('\n\n'),
  );
}

const named = (piece: Piece, name: string): Piece => ('literal' in piece ? piece : { call: () => piece.call(name) });

/** Joins adjacent literals, so that they are written with one call. */
function joined(pieces: readonly Piece[]): string {
  let source = '';
  let literal = '';
  for (const piece of pieces) {
    if ('literal' in piece) {
      literal += piece.literal;
      continue;
    }
    if (literal !== '') source += `.ascii('${literal}')`;
    literal = '';
    source += piece.call('');
  }
  return literal === '' ? source : `${source}.ascii('${literal}')`;
}
