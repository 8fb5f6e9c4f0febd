/**
 * Makes src/http/api/routes/commands.generated.ts: the routes of commands, with the schemas of
 * their bodies and answers. A handler makes its command directly, as if it were written by hand.
 */
import { type CommandDeclaration, fieldsOf, type OutcomeDeclaration } from '../../src/records/declare.js';
import type { Field } from '../../src/records/fields.js';
import type { BodyField, HttpOptions } from '../../src/records/http.js';
import { commandsByPlace } from './declarations.js';
import { type CodeOf, codeFor, generatedFile, inCapitals } from './source.js';

const numberIn = ({ min, max }: BodyField): string =>
  `z.int()${min === undefined ? '' : `.min(${min})`}${max === undefined ? '' : `.max(${max})`}`;

/** The schema of what a caller sends for a field of a command. */
const SENT: CodeOf<(limits: BodyField) => string> = {
  text: null,
  textOrNull: ({ max }) => `schemas.line(${max}).nullable()`,
  bookId: () => 'schemas.bookId',
  scopeId: null,
  campaignId: null,
  code: () => 'schemas.code',
  subject: () => 'schemas.userId',
  subjectOrNull: null,
  caller: null,
  redemptionId: () => 'schemas.redemptionId',
  seq: null,
  integer: numberIn,
  integerOrNull: numberIn,
  count: numberIn,
  countOrNull: numberIn,
  time: null,
  instant: null,
  instantOrNull: null,
  boolean: () => 'z.boolean()',
  choice: null,
  json: null,
  jsonOrNull: () => 'schemas.metadata',
  record: null,
  batchContent: null,
  object: null,
};

/** The schema of a field in an answer. */
const ANSWERED: CodeOf<string> = {
  text: 'z.string()',
  textOrNull: null,
  bookId: 'z.string()',
  scopeId: null,
  campaignId: null,
  code: 'z.string()',
  subject: 'z.string()',
  subjectOrNull: null,
  caller: 'z.string()',
  redemptionId: 'z.string()',
  seq: 'z.int()',
  integer: 'z.int()',
  integerOrNull: 'z.int().nullable()',
  count: 'z.int()',
  countOrNull: 'z.int().nullable()',
  time: 'schemas.timeOut',
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

/** The fast reader for bodies that have these required fields. */
const FAST_BODY: Readonly<Record<string, string>> = {
  userId: 'readUser',
  'couponBookId userId': 'readBookAndUser',
};

export interface Called extends CommandDeclaration {
  readonly http: HttpOptions;
}

export const called = commandsByPlace.filter((command): command is Called => command.http !== null);

/** The names of the parameters of a path. */
export const paramsOf = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);

export function routesSource(): string {
  const outcomes = [...new Set(called.map(({ gives }) => gives))];
  const shows = outcomes.map(({ kind }) => `show${inCapitals(kind)}`);
  return generatedFile(
    'The routes of commands that callers send (docs/contract.md, section 5). This is the hot path.',
    [
      { names: ['z'], from: 'zod' },
      { names: ['asBookId'], from: '../../../domain/ids.js' },
      { names: shows, from: '../../fast/answers.generated.js' },
      { names: Object.values(FAST_BODY), from: '../../fast/fast-bodies.js' },
      { names: ['problemsOf'], from: '../refusal-problem.js' },
      { names: ['ADMIN_OR_SERVICE', 'ANY_ROLE', 'route'], types: ['RouteSpec'], from: '../route.js' },
      { all: 'schemas', from: '../schemas.js' },
    ],
    [
      ...outcomes.map(answerSource),
      ...called.map(bodySource),
      ...called.map(routeSource),
      `export const commandRoutes: readonly RouteSpec<unknown, unknown>[] = [\n${called.map(({ kind }) => kind).join(',\n')},\n];`,
    ].join('\n\n'),
  );
}

const DRAWN = ".nullable().describe('null: a dry run draws none')";

function answerSource({ kind, fields, answer }: OutcomeDeclaration): string {
  if (answer !== 'fields') throw new Error(`${kind}: a route of its own makes its answer`);
  const shape = fieldsOf(fields).map(
    ([name, field]) =>
      `${field.shownAs ?? name}: ${codeFor(ANSWERED, field, `${kind}.${name}`)}${field.isDrawn ? DRAWN : ''},`,
  );
  return `const ${kind}Out = ${named(inCapitals(kind), shape)};`;
}

function bodySource(command: Called): string {
  const shape = given(command).map(
    ({ name, schema, isOptional }) => `${name}: ${schema}${isOptional ? '.optional()' : ''},`,
  );
  return `const ${command.kind}In = ${named(command.http.title, shape)};`;
}

const named = (id: string, shape: readonly string[]): string =>
  `schemas.name('${id}', z.strictObject({\n${shape.join('\n')}\n}))`;

function routeSource(command: Called): string {
  const { kind, gives, refusals, http } = command;
  const { id = kind, method, path, tag, summary, description, may, answer } = http;
  const params = paramsOf(path);
  const required = given(command).filter(({ isOptional }) => !isOptional);
  const fastBody = FAST_BODY[required.map(({ name }) => name).join(' ')];
  const isForUsers = may === 'anyRole';
  const lines = [
    `id: '${id}',`,
    `method: '${method}',`,
    `path: '${path}',`,
    `tag: '${tag}',`,
    `summary: ${JSON.stringify(summary)},`,
    description === undefined ? '' : `description: ${JSON.stringify(description)},`,
    `access: ${isForUsers ? 'ANY_ROLE' : 'ADMIN_OR_SERVICE'},`,
    isForUsers ? `ownUser: '${ownUserOf(command)}',` : '',
    isForUsers && params.some((name) => command.fields[name]?.form === 'code') ? 'guessable: true,' : '',
    'change: true,',
    'dryRun: true,',
    params.length === 0
      ? ''
      : `params: { ${params.map((name) => `${name}: ${paramSchema(command, name)}`).join(', ')} },`,
    `body: ${kind}In,`,
    fastBody === undefined ? '' : `fastBody: ${fastBody},`,
    required.length === 0 ? 'bodyOptional: true,' : '',
    `answers: { 200: { description: ${JSON.stringify(answer)}, schema: ${gives.kind}Out } },`,
    `problems: problemsOf([${refusals.map((reason) => `'${reason}'`).join(', ')}]),`,
    handlerSource(command),
  ];
  return `const ${kind} = route({\n${lines.filter((line) => line !== '').join('\n')}\n});`;
}

/** Where the id of the user is. A command that users may send has one, and its name is `userId`. */
function ownUserOf({ kind, fields, http }: Called): 'body' | 'param' {
  const subjects = fieldsOf(fields).filter(([, { form }]) => form === 'subject');
  if (subjects.length === 1 && subjects[0]?.[0] === 'userId') {
    if (paramsOf(http.path).includes('userId')) return 'param';
    if ('userId' in http.body) return 'body';
  }
  throw new Error(`${kind}: any role may send it, so it needs one field userId that says for whom`);
}

function handlerSource(command: Called): string {
  const { kind, fields, gives, http } = command;
  const params = paramsOf(http.path);
  const body = given(command);
  const taken = body.map(({ name, unit, isOptional }) => `${name}${isOptional && unit === undefined ? ' = null' : ''}`);
  const values = fieldsOf(fields).map(([field, { form }]) => {
    const place = params.indexOf(field);
    const sent = body.find((one) => one.field === field);
    if ((place === -1) === (sent === undefined)) throw new Error(`${kind}: ${field} is not given exactly once`);
    const value = sent === undefined ? `request.param(${place})` : valueFrom(sent);
    if (form === 'bookId') return `${field}: asBookId(${value})`;
    return value === field ? field : `${field}: ${value}`;
  });
  const parts = params.length > 0 ? '{ request, work }' : '{ work }';
  return `handle(${parts}, { ${taken.join(', ')} }) {
    work.command({ ${[`kind: '${kind}'`, ...values].join(', ')} }, show${inCapitals(gives.kind)});
  },`;
}

function valueFrom({ name, unit, isOptional }: Given): string {
  if (unit === undefined) return name;
  return isOptional ? `${name} === undefined ? null : ${name} * 1000` : `${name} * 1000`;
}

/** A field of the body. */
interface Given extends BodyField {
  readonly name: string;
  readonly field: string;
  readonly schema: string;
  readonly isOptional: boolean;
}

function given({ kind, fields, http }: Called): Given[] {
  return Object.entries(http.body).map(([name, options]) => {
    const { field = name, description } = options;
    const where = `${kind}.${name}`;
    const of = fieldOf(fields, field, where);
    const schema = codeFor(SENT, of, where)(options);
    const described = description === undefined ? schema : `${schema}.describe(${JSON.stringify(description)})`;
    return { ...options, name, field, schema: described, isOptional: of.form.endsWith('OrNull') };
  });
}

function paramSchema({ kind, fields }: Called, name: string): string {
  return codeFor(SENT, fieldOf(fields, name, kind), `${kind}.${name}`)({});
}

function fieldOf(fields: CommandDeclaration['fields'], name: string, where: string): Field {
  const found = fields[name];
  if (found === undefined) throw new Error(`${where}: the command has no field ${name}`);
  return found;
}
