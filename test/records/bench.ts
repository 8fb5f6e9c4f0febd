/**
 * node --import tsx test/records/bench.ts [LAYER]: nanoseconds of CPU time that each layer needs
 * for one record, as JSON. Each figure is the best of several rounds, because other work on the
 * machine can only make a round slower. To compare two checkouts, run it in both alternately,
 * several times, and compare the medians.
 */

import type { Command } from '../../src/domain/command.js';
import type { Change, DomainEvent } from '../../src/domain/event.js';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import type { Outcome } from '../../src/domain/outcome.js';
import { appendOutcome, readOutcome } from '../../src/domain/outcome-memory.generated.js';
import { readReplies, readRequests } from '../../src/engine/messages.generated.js';
import { ReplyWriter, RequestWriter } from '../../src/engine/wire.js';
import type { AnswerWriter } from '../../src/http/exchange/answer-writer.js';
import { AnswerBytes } from '../../src/http/fast/answer-bytes.js';
import { showAssigned, showLocked, showRedeemed, showUnlocked } from '../../src/http/fast/answers.generated.js';
import { decodeChanges, encodeChanges } from '../../src/journal/codec.js';
import { ProjectionBatch } from '../../src/postgres/projection/projection-batch.js';
import { RowPlaces } from '../../src/postgres/projection/row-places.js';
import { scratch } from '../../src/tables/text.js';
import { changeOf, commandFor, doneWith, events, outcomes, remember } from './cases.js';

const ROUNDS = 15;
const ROUND_MS = 30;

/** A commit as it mostly is: changes of different codes and users, most of them with a key. */
const RECORDS = 24;
const kinds = ['assignRandom', 'lockCode', 'redeemCode', 'unlockCode'] as const;

const made = Array.from({ length: RECORDS }, (_, n) => {
  const kind = kinds[n % kinds.length] ?? 'redeemCode';
  const code = `SPRING-${String(n).padStart(6, '0')}`;
  const who = { code, userId: `user-${1000 + n}` };
  const event: Readonly<Record<(typeof kinds)[number], DomainEvent>> = {
    assignRandom: { ...events.codeAssigned[0], ...who } as DomainEvent,
    lockCode: { ...events.codeLocked[0], ...who } as DomainEvent,
    redeemCode: { ...events.codeRedeemed[0], ...who } as DomainEvent,
    unlockCode: { ...events.codeUnlocked[0], ...who } as DomainEvent,
  };
  const outcome: Readonly<Record<(typeof kinds)[number], Outcome>> = {
    assignRandom: { ...outcomes.assigned[0], ...who } as Outcome,
    lockCode: { ...outcomes.locked[0], ...who } as Outcome,
    redeemCode: { ...outcomes.redeemed[0], ...who } as Outcome,
    unlockCode: { ...outcomes.unlocked[0], ...who } as Outcome,
  };
  const command: Command = commandFor(kind, outcome[kind]);
  return { event: event[kind], outcome: outcome[kind], command };
});

const changes: readonly Change[] = made.map(({ event, outcome }, n) => ({
  ...changeOf([event], n % 3 === 0 ? null : { ...remember(outcome), key: `key-${n}` }),
  firstSeq: asSeq(42 + n),
  requestId: `request-${n}`,
}));
const payload = encodeChanges(changes);
const shard = asShardId(3);

function requests(): ReturnType<RequestWriter['take']> {
  const writer = new RequestWriter();
  for (let n = 0; n < RECORDS; n++) {
    const { command } = made[n] as (typeof made)[number];
    writer.command(n, shard, command, 'till-1', 'request-7', n % 3 === 0 ? null : 'key-1', n % 3 === 0 ? 0 : 77);
  }
  return writer.take();
}

const done = made.map(({ outcome }) => doneWith(outcome, false));

function replies(): ReplyWriter['message'] {
  const writer = new ReplyWriter();
  for (let n = 0; n < RECORDS; n++) {
    const { command } = made[n] as (typeof made)[number];
    writer.write({ to: 1, id: n, command, reply: done[n] as (typeof done)[number] });
  }
  return writer.message;
}

let sink: unknown;
const asked = made.map(({ command }) => ({
  command,
  reply(reply: unknown) {
    sink = reply;
  },
}));

const body = new AnswerBytes('');
const answer = { write: () => body.begin(), changedAsWritten: () => undefined } as unknown as AnswerWriter;
const SHOW = { assigned: showAssigned, locked: showLocked, redeemed: showRedeemed, unlocked: showUnlocked } as const;

const requestMessage = requests();
const replyMessage = replies();
const places = new RowPlaces();
const batch = new ProjectionBatch(places);

function remembered(): void {
  for (const { outcome } of made) {
    scratch.length = 0;
    appendOutcome(outcome);
  }
}

const encodedOutcomes = made.map(({ outcome }) => {
  scratch.length = 0;
  appendOutcome(outcome);
  return scratch.bytes.slice(0, scratch.length);
});

const LAYERS: Readonly<Record<string, () => void>> = {
  'journal entry, encode': () => {
    sink = encodeChanges(changes);
  },
  'journal entry, decode': () => {
    sink = decodeChanges(payload);
  },
  'thread request, encode': () => {
    sink = requests();
  },
  'thread request, decode': () => {
    sink = readRequests(requestMessage, 1);
  },
  'thread reply, encode': () => {
    sink = replies();
  },
  'thread reply, decode': () => {
    readReplies(replyMessage, (id) => asked[id]);
  },
  'remembered outcome, encode': remembered,
  'remembered outcome, decode': () => {
    for (const bytes of encodedOutcomes) sink = readOutcome(bytes, 0);
  },
  'JSON answer': () => {
    for (let n = 0; n < RECORDS; n++) {
      const reply = done[n] as (typeof done)[number];
      SHOW[reply.outcome.kind as keyof typeof SHOW](answer, reply);
    }
  },
  'rows of the projection': () => {
    batch.clear();
    batch.add(shard, asSeq(41), changes);
  },
};

function nanosOf(work: () => void): number {
  let repeats = 1;
  const run = (): number => {
    const start = process.cpuUsage();
    for (let n = 0; n < repeats; n++) work();
    const { user, system } = process.cpuUsage(start);
    return (user + system) * 1000;
  };
  for (let nanos = run(); nanos < ROUND_MS * 1e6; nanos = run()) repeats *= 2;
  return Math.min(...Array.from({ length: ROUNDS }, run)) / repeats / RECORDS;
}

const only = process.argv[2];
const figures = Object.entries(LAYERS)
  .filter(([name]) => only === undefined || name.startsWith(only))
  .map(([name, work]) => [name, Number(nanosOf(work).toFixed(1))]);
process.stdout.write(`${JSON.stringify(Object.fromEntries(figures))}\n`);
if (sink === null) process.exitCode = 1;
