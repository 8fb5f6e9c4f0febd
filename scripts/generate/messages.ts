/**
 * Makes src/engine/messages.generated.ts: commands and their outcomes in messages between threads.
 *
 * Each reader is one loop with the position in a local variable. With an inner function that reads
 * the next field, reading took three times as long.
 */
import {
  type CommandDeclaration,
  fieldsOf,
  type MessageForm,
  type OutcomeDeclaration,
} from '../../src/records/declare.js';
import type { Field } from '../../src/records/fields.js';
import { commands, outcomes } from './declarations.js';
import { type CodeOf, codeFor, generatedFile } from './source.js';

const PLAIN = { write: (value: string) => value, read: 'message[at++] as string' };
const NUMBER = { ...PLAIN, read: 'message[at++] as number' };
const NUMBER_OR_NULL = { ...PLAIN, read: 'message[at++] as number | null' };

/** Book ids repeat often, so an id that equals the last one in the message is written as `SAME`. */
const CODE: CodeOf<{ readonly write: (value: string) => string; readonly read: string }> = {
  text: PLAIN,
  textOrNull: { ...PLAIN, read: 'message[at++] as string | null' },
  scopeId: null,
  campaignId: null,
  bookId: { write: (value) => `${value} === last.bookId ? SAME : ${value}`, read: 'bookId' },
  code: PLAIN,
  subject: PLAIN,
  subjectOrNull: { ...PLAIN, read: 'message[at++] as string | null' },
  caller: PLAIN,
  redemptionId: PLAIN,
  seq: { ...PLAIN, read: 'message[at++] as Seq' },
  integer: NUMBER,
  integerOrNull: NUMBER_OR_NULL,
  count: NUMBER,
  countOrNull: NUMBER_OR_NULL,
  time: NUMBER,
  instant: NUMBER,
  instantOrNull: NUMBER_OR_NULL,
  boolean: { ...PLAIN, read: 'message[at++] as boolean' },
  choice: null,
  json: { ...PLAIN, read: 'message[at++] as Record<string, unknown>' },
  jsonOrNull: { ...PLAIN, read: 'message[at++] as Record<string, unknown> | null' },
  record: null,
  batchContent: null,
  object: {
    write: (value) => `packPriceRequest(${value})`,
    read: 'unpackPriceRequest(message[at++] as PackedPriceRequest)',
  },
};

interface Hot extends CommandDeclaration {
  readonly message: MessageForm;
}

type NamedField = readonly [name: string, field: Field];

export function messagesSource(): string {
  const hot = commands.filter((command): command is Hot => command.message !== 'object');
  const parts = [requestNumbers(hot), requestWriter(hot), requestReader(hot), replyWriter(hot), replyReader(hot)];
  return generatedFile(
    'Commands and their outcomes in messages between an HTTP thread and a shard thread; wire.ts\ndescribes the form.',
    [
      { types: ['BookId', 'Seq', 'ShardId'], from: '../records/ids.js' },
      { types: ['Command'], from: '../records/commands.generated.js' },
      { types: ['Outcome'], from: '../records/outcomes.generated.js' },
      { names: ['unknownRecord'], from: '../records/unknown.js' },
      { types: ['CommandReply', 'QueryReply'], from: './engine.js' },
      {
        names: ['OTHER_REPLY', 'OTHER_REQUEST', 'QUERY', 'QUOTE', 'SAME', 'WITHDRAWN'],
        types: ['Asked', 'MessageField', 'Message', 'LastWritten'],
        from: './message.js',
      },
      {
        names: ['packPriceRequest', 'unpackPriceRequest'],
        types: ['PackedPriceRequest'],
        from: './price-request.js',
      },
      { types: ['ActorReply', 'ActorRequest'], from: './requests.js' },
    ],
    parts.join('\n\n'),
  );
}

const caseLabels = (kinds: readonly { readonly kind: string }[]): string =>
  kinds.map(({ kind }) => `case '${kind}':`).join('\n');

const rare = () => commands.filter(({ message }) => message === 'object');

function requestNumbers(hot: readonly Hot[]): string {
  return `/** The number that begins a request with this command. */
export function requestNumberOf(command: Command): number {
  switch (command.kind) {
    ${hot.map(({ kind, message }) => `case '${kind}': return ${message.request};`).join('\n')}
    ${caseLabels(rare())}
      return OTHER_REQUEST;
    default:
      return unknownRecord(command);
  }
}`;
}

function requestWriter(hot: readonly Hot[]): string {
  const cases = hot.map(({ kind, fields }) => {
    const list = fieldsOf(fields);
    return `case '${kind}':\nfields.push(${list.map((field) => write('command', kind, field)).join(', ')});\n${rememberBookId('command', list)}return;`;
  });
  return `/** Writes the fields of a command. */
export function writeCommand(fields: MessageField[], last: LastWritten, command: Command): void {
  switch (command.kind) {
    ${cases.join('\n')}
    ${caseLabels(rare())}
      fields.push(command);
      return;
    default:
      unknownRecord(command);
  }
}`;
}

function requestReader(hot: readonly Hot[]): string {
  const cases = hot.map(({ kind, fields, message }) => {
    const list = fieldsOf(fields);
    const values = list.map(([name, field]) => assign(name, read(kind, [name, field])));
    return `case ${message.request}:\n${readBookId(list)}command = { kind: '${kind}', ${values.join(', ')} };\nbreak;`;
  });
  return `/** Reads the requests of a message, without withdrawn ones. \`to\` is the thread that sent it. */
export function readRequests(message: Message, to: number): ActorRequest[] {
  const requests: ActorRequest[] = [];
  let at = 0;
  let caller = '';
  let bookId = '' as BookId;
  while (at < message.length) {
    const number = message[at++] as number;
    const id = message[at++] as number;
    const shard = message[at++] as ShardId;
    if (number === QUERY) {
      const query = message[at++] as Extract<ActorRequest, { readonly kind: 'query' }>['query'];
      if (id !== WITHDRAWN) requests.push({ kind: 'query', to, id, shard, query });
      continue;
    }
    if (number === QUOTE) {
      const request = unpackPriceRequest(message[at++] as PackedPriceRequest);
      const owner = message[at++] as string | null;
      const cartId = message[at++] as string | null;
      const cart = owner === null || cartId === null ? null : { caller: owner, cartId };
      if (id !== WITHDRAWN) requests.push({ kind: 'query', to, id, shard, query: { kind: 'quote', request, cart } });
      continue;
    }
    const named = message[at++];
    if (named !== SAME) caller = named as string;
    const requestId = message[at++] as string;
    const key = message[at++] as string | null;
    const idempotency = key === null ? null : { key, fingerprint: message[at++] as number };
    const origin = { caller, requestId, idempotency };
    let command: Command;
    switch (number) {
      ${cases.join('\n')}
      case OTHER_REQUEST:
        command = message[at++] as Command;
        break;
      default:
        throw new Error(\`unknown request \${number}\`);
    }
    if (id !== WITHDRAWN) requests.push({ kind: 'command', to, id, shard, origin, command });
  }
  return requests;
}`;
}

/** The fields of the outcome that the command does not have. */
function replied({ fields, gives }: Hot): readonly NamedField[] {
  return fieldsOf(gives.fields).filter(([name]) => !(name in fields));
}

function replyWriter(hot: readonly Hot[]): string {
  const one = (command: Hot): string => {
    const list = replied(command);
    const values = list.map((field) => write('outcome', command.gives.kind, field));
    const pushed = [String(command.message.reply), 'id', 'shard', 'seq', 'replayed', ...values].join(', ');
    return `fields.push(${pushed});\n${rememberBookId('outcome', list)}`;
  };
  const given = (outcome: OutcomeDeclaration): readonly Hot[] => hot.filter(({ gives }) => gives === outcome);
  const cases = outcomes.flatMap((outcome) => {
    const [first, ...others] = given(outcome).toReversed();
    if (first === undefined) return [];
    // If several commands have this outcome, the command of the request decides the form.
    const branches = others.map((command) => `if (command?.kind === '${command.kind}') {\n${one(command)}return;\n}`);
    return [`case '${outcome.kind}':\n${branches.join('\n')}${one(first)}return;`];
  });
  return `export function writeReply(fields: MessageField[], last: LastWritten, { id, command, reply }: ActorReply): void {
  if (reply.kind !== 'done') {
    if (reply.kind === 'result' && reply.result.kind === 'quote')
      fields.push(QUOTE, id, reply.shard, reply.durableSeq, reply.result.text);
    else fields.push(OTHER_REPLY, id, reply);
    return;
  }
  const { outcome, shard, seq } = reply;
  const replayed = reply.replayed ? 1 : 0;
  switch (outcome.kind) {
    ${cases.join('\n')}
    ${caseLabels(outcomes.filter((outcome) => given(outcome).length === 0))}
      fields.push(OTHER_REPLY, id, reply);
      return;
    default:
      unknownRecord(outcome);
  }
}`;
}

function replyReader(hot: readonly Hot[]): string {
  const cases = hot.map((declared) => {
    const { kind, fields, gives, message } = declared;
    const list = replied(declared);
    const reads = list.map(([name, field]) => {
      if (field.form === 'bookId') return readBookId([[name, field]]);
      return `const ${name} = ${read(kind, [name, field])};\n`;
    });
    const values = fieldsOf(gives.fields).map(([name, field]) => {
      if (name in fields) return `${name}: command.${name}`;
      return field.form === 'bookId' && name !== 'bookId' ? `${name}: bookId` : name;
    });
    return `case ${message.reply}: {\n${reads.join('')}if (command?.kind === '${kind}') outcome = { kind: '${gives.kind}', ${values.join(', ')} };\nbreak;\n}`;
  });
  return `/** \`takeAsked\` removes and returns the request with an id; undefined if nobody waits for it. */
export function readReplies(message: Message, takeAsked: (id: number) => Asked | undefined): void {
  let at = 0;
  let bookId = '' as BookId;
  while (at < message.length) {
    const number = message[at++] as number;
    const id = message[at++] as number;
    const asked = takeAsked(id);
    if (number === OTHER_REPLY) {
      const reply = message[at++] as CommandReply | QueryReply;
      asked?.reply(reply);
      continue;
    }
    const shard = message[at++] as ShardId;
    const seq = message[at++] as Seq;
    if (number === QUOTE) {
      const text = message[at++] as string;
      asked?.reply({ kind: 'result', result: { kind: 'quote', text }, shard, durableSeq: seq });
      continue;
    }
    const replayed = message[at++] === 1;
    const command = asked?.command;
    let outcome: Outcome | null = null;
    // The fields are read in any case, because the next reply comes after them.
    switch (number) {
      ${cases.join('\n')}
      default:
        throw new Error(\`unknown reply \${number}\`);
    }
    if (asked === undefined) continue;
    if (outcome === null) throw new Error(\`reply \${number} does not belong to its command\`);
    asked.reply({ kind: 'done', outcome, shard, seq, replayed });
  }
}`;
}

const write = (from: string, kind: string, [name, field]: NamedField): string =>
  codeFor(CODE, field, `${kind}.${name}`).write(`${from}.${name}`);

const read = (kind: string, [name, field]: NamedField): string => codeFor(CODE, field, `${kind}.${name}`).read;

const assign = (name: string, value: string): string => (name === value ? name : `${name}: ${value}`);

/** Keeps the book id that was written. */
const rememberBookId = (from: string, list: readonly NamedField[]): string =>
  list.map(([name, { form }]) => (form === 'bookId' ? `last.bookId = ${from}.${name};\n` : '')).join('');

/** Reads a book id, if the list has one. */
const readBookId = (list: readonly NamedField[]): string =>
  list.some(([, { form }]) => form === 'bookId')
    ? 'if (message[at] !== SAME) bookId = message[at] as BookId;\nat++;\n'
    : '';
