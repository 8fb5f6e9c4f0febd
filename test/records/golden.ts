/**
 * Records as each layer writes them, byte by byte. A journal, a database and callers hold such
 * bytes, so whoever changes how records are written must see here what became different.
 *
 *     journal   the payload of an entry: each event, and each outcome of a remembered key
 *     messages  requests and replies between threads; their numbers and texts, as JSON
 *     memory    outcomes in the memory of idempotency keys
 *     rows      COPY data of the projection, by table
 *     history   entries of a code's history, as callers read them
 *     answers   responses over HTTP, headers included
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Called, called } from '../../scripts/generate/routes.js';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { appendOutcome } from '../../src/domain/outcome-memory.generated.js';
import { ReplyWriter, RequestWriter } from '../../src/engine/wire.js';
import { historyJson } from '../../src/http/api/views.js';
import { decodeChanges, encodeChanges } from '../../src/journal/codec.js';
import { type CopyTarget, ProjectionBatch } from '../../src/postgres/projection/projection-batch.js';
import { RowPlaces } from '../../src/postgres/projection/row-places.js';
import { scratch } from '../../src/tables/text.js';
import { ADMIN } from '../http/memory-parts.js';
import { type Served, serve } from '../http/serve.js';
import {
  askedFor,
  changeOf,
  commandCases,
  commandFor,
  doneWith,
  eventCases,
  events,
  outcomeCases,
  remember,
} from './cases.js';

export const LAYERS = ['journal', 'messages', 'memory', 'rows', 'history', 'answers'] as const;
export type Layer = (typeof LAYERS)[number];
export type Golden = Readonly<Record<string, string>>;

const pathOf = (layer: Layer): string => fileURLToPath(new URL(`../fixtures/golden/${layer}.json`, import.meta.url));

export const readGolden = (layer: Layer): Golden => JSON.parse(readFileSync(pathOf(layer), 'utf8')) as Golden;

export function writeGolden(layer: Layer, golden: Golden): void {
  writeFileSync(pathOf(layer), `${JSON.stringify(golden, null, 2)}\n`);
}

export const MAKERS: Readonly<Record<Layer, () => Golden | Promise<Golden>>> = {
  journal,
  messages,
  memory,
  rows,
  history,
  answers,
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Each event alone, each outcome beside an event, and all events of all kinds in one entry. */
function journal(): Golden {
  const golden: Record<string, string> = {};
  for (const [name, event] of eventCases) golden[name] = hex(encodeChanges([changeOf([event], null)]));
  for (const [name, outcome] of outcomeCases) {
    const change = changeOf(events.codeAssigned.slice(0, 1), remember(outcome));
    golden[`remembered ${name}`] = hex(encodeChanges([change]));
  }
  golden['all in one change'] = hex(encodeChanges([changeOf([...eventCases.values()], null)]));
  const list = [...eventCases.values()].map((event, n) => changeOf([event], null, 42 + n));
  golden['all in one entry'] = hex(encodeChanges(list));
  return golden;
}

/** JSON tells numbers, texts, nulls and objects apart, and so does the structured clone. */
function messages(): Golden {
  const golden: Record<string, string> = {};
  const shard = asShardId(3);
  const together = new RequestWriter();
  for (const [name, command] of commandCases) {
    for (const key of [null, 'key-1']) {
      const alone = new RequestWriter();
      for (const writer of [alone, together])
        writer.command(7, shard, command, 'till-1', 'request-7', key, key === null ? 0 : 2 ** 52 + 1);
      golden[`request ${name}${key === null ? '' : ' with a key'}`] = JSON.stringify(alone.take());
    }
  }
  together.query(8, shard, { kind: 'getCode', code: 'ABCD-EFGH' });
  golden['all requests in one message'] = JSON.stringify(together.take());
  const replies = new ReplyWriter();
  for (const [name, outcome] of outcomeCases) {
    for (const kind of askedFor(outcome)) {
      for (const replayed of [false, true]) {
        const reply = { to: 1, id: 7, command: commandFor(kind, outcome), reply: doneWith(outcome, replayed) };
        const alone = new ReplyWriter();
        for (const writer of [alone, replies]) writer.write(reply);
        golden[`reply ${name} to ${kind}${replayed ? ', replayed' : ''}`] = JSON.stringify(alone.message);
      }
    }
  }
  replies.write({ to: 1, id: 9, command: null, reply: { kind: 'unavailable', reason: 'noRoom', retryAfterMs: 1000 } });
  golden['all replies in one message'] = JSON.stringify(replies.message);
  return golden;
}

function memory(): Golden {
  const golden: Record<string, string> = {};
  for (const [name, outcome] of outcomeCases) {
    scratch.length = 0;
    appendOutcome(outcome);
    golden[name] = hex(scratch.bytes.subarray(0, scratch.length));
  }
  return golden;
}

function rows(): Golden {
  const golden: Record<string, string> = {};
  const shard = asShardId(3);
  const batch = new ProjectionBatch(new RowPlaces());
  const add = (name: string, change: ReturnType<typeof changeOf>): void => {
    batch.clear();
    // The projector reads its changes from the journal.
    batch.add(shard, asSeq(change.firstSeq - 1), decodeChanges(encodeChanges([change])));
    for (const [table, buffer] of Object.entries(batch.rows) as [CopyTarget, (typeof batch.rows)[CopyTarget]][])
      if (buffer.rows > 0) golden[`${name}: ${table}`] = hex(buffer.finish());
    if (batch.books.size > 0) golden[`${name}: books`] = JSON.stringify([...batch.books]);
    if (batch.opened.size > 0) golden[`${name}: opened`] = JSON.stringify([...batch.opened]);
    if (batch.closed.size > 0) golden[`${name}: closed`] = JSON.stringify([...batch.closed]);
    if (batch.lastBatchIds.size > 0) golden[`${name}: last ids`] = JSON.stringify([...batch.lastBatchIds]);
    if (batch.wentLive.length > 0) golden[`${name}: went live`] = JSON.stringify(batch.wentLive);
  };
  for (const [name, event] of eventCases) add(name, changeOf([event], null));
  for (const [name, outcome] of outcomeCases)
    add(`remembered ${name}`, changeOf(events.noted.slice(0, 1), remember(outcome)));
  add('remembered creation', changeOf(events.bookCreated.slice(0, 1), null));
  add('all in one change', changeOf([...eventCases.values()], null));
  return golden;
}

function history(): Golden {
  const golden: Record<string, string> = {};
  for (const [name, event] of eventCases) {
    if (!('code' in event)) continue;
    const entry = {
      shard: asShardId(3),
      seq: asSeq(42),
      event: event.kind,
      atMs: 1_790_000_000_123,
      code: event.code,
      userId: event.userId,
      caller: 'till-1',
      requestId: 'request-7',
      redemptionId: 'redemptionId' in event ? event.redemptionId : null,
      detail: null,
    };
    golden[name] = JSON.stringify(historyJson(entry));
  }
  return golden;
}

/** Of a real server, whose engine replies what the cases say. */
async function answers(): Promise<Golden> {
  const served = await serve();
  try {
    const golden: Record<string, string> = {};
    for (const [name, outcome] of outcomeCases) {
      for (const kind of askedFor(outcome)) {
        const command = called.find((one) => one.kind === kind);
        if (command === undefined) continue;
        for (const replayed of [false, true]) {
          served.engine.next = doneWith(outcome, replayed);
          golden[`${kind}: ${name}${replayed ? ', replayed' : ''}`] = await answerTo(served, command);
        }
      }
    }
    return golden;
  } finally {
    await served.stop();
  }
}

/** The first example of a body, and the command that has it. */
async function answerTo(served: Served, { http }: Called): Promise<string> {
  const text = JSON.stringify(Object.values(http.examples.bodies)[0]?.value);
  const path = http.path.replace('{code}', 'ABCD-EFGH');
  const lines = [
    `${http.method} ${path} HTTP/1.1`,
    'Host: golden',
    `Authorization: Bearer ${await served.tokenOf(ADMIN)}`,
    'Content-Type: application/json',
    `Content-Length: ${text.length}`,
    'X-Request-Id: request-7',
  ];
  const answer = await served.raw(`${lines.join('\r\n')}\r\n\r\n${text}`, '}');
  // uWebSockets.js writes these by itself.
  return answer.replace(/Date: .*\r\n/, '').replace(/uWebSockets: .*\r\n/, '');
}
