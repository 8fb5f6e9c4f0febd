/**
 * Makes src/http/api/examples/commands.generated.ts: the examples of commands in the description of
 * the API.
 */
import { BOOK_ID, CODE, USER } from '../../src/records/story.js';
import { called, paramsOf } from './routes.js';
import { generatedFile } from './source.js';

/** By the names of parameters of paths. */
const PARAMETERS: Readonly<Record<string, string>> = { code: CODE, bookId: BOOK_ID, userId: USER };

export function examplesSource(): string {
  const entries = called.map(({ kind, http }) => {
    const { id = kind, path, examples } = http;
    const parameters = paramsOf(path).map((name): [string, string] => {
      const value = PARAMETERS[name];
      if (value === undefined) throw new Error(`${kind}: there is no example of the parameter ${name}`);
      return [name, value];
    });
    const parts = [
      parameters.length === 0 ? '' : `parameters: ${JSON.stringify(Object.fromEntries(parameters))},`,
      `bodies: json(${JSON.stringify(examples.bodies)}),`,
      `answers: { 200: ${JSON.stringify(examples.answers)} },`,
    ];
    return `${id}: {\n${parts.filter((part) => part !== '').join('\n')}\n},`;
  });
  return generatedFile(
    'Examples of commands in the description of the API.',
    [{ names: ['json'], types: ['ExampleTable'], from: './example.js' }],
    `export const commandExamples: ExampleTable = {\n${entries.join('\n')}\n};`,
  );
}
