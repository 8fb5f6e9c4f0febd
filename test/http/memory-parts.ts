/**
 * An `Engine` and a `Control` in memory, for tests of the HTTP layer alone: just enough rules that
 * every route has a success, and a way to make the next calls answer anything (`engine.next`,
 * `control.fail`). The real rules are tested where they are.
 */

import { type CodeParser, createCodeParser, UploadMalformed } from '../../src/codes/parse.js';
import type { CodeView, Command, Origin, Query } from '../../src/domain/command.js';
import { asBookId, asSeq, asShardId, type BookId, type ShardId } from '../../src/domain/ids.js';
import type { Outcome, Refusal } from '../../src/domain/outcome.js';
import {
  type Account,
  type CommandReply,
  type Control,
  ControlError,
  type Engine,
  type HistoryEntry,
  type Job,
  type QueryReply,
  type QueryResult,
  type UploadReport,
  type UploadSender,
  type UploadShape,
} from '../../src/engine/engine.js';
import { reservedWords } from '../../src/http/api/reserved-words.js';
import { ROUTES } from '../../src/http/api/routes/table.js';
import type { Book, BookCounts, BookSettings } from '../../src/records/values.generated.js';
import { asKnownCommand, type KnownCommand } from '../records/known.js';
import { sampleOutcomeOf } from '../records/samples.js';
import { createMemoryPromotions, isOfPromotions, type OwnQuery } from './memory-promotions.js';
import { memoryReports } from './memory-reports.js';

const NO_OFFER = { campaignId: null, discount: null };

export const SHARD_COUNT = 4;

export interface MemoryEngine extends Engine {
  /** Commands that came, newest last. */
  readonly commands: { readonly command: Command; readonly origin: Origin }[];
  readonly queries: Query[];
  /** What the next command or query is answered with, whatever it asks. */
  next: CommandReply | QueryReply | null;
  /** Holds replies back until `release`. */
  full: boolean;
  holding: boolean;
  release(): void;
  readonly codes: Map<string, CodeView>;
}

export interface MemoryUpload {
  readonly shape: UploadShape;
  text: string;
  /** What the parser made of it. */
  readonly codes: string[];
  state: 'open' | 'ended' | 'aborted';
}

export interface MemoryControl extends Control {
  /** Thrown by the next call. */
  fail: Error | null;
  readonly uploads: MemoryUpload[];
  readonly discarded: number[];
  readonly signIns: string[];
  /** Called before a sign-in goes on. */
  signInGate: Promise<void>;
}

const NOW_MS = Date.UTC(2026, 10, 20, 8, 0, 0, 123);

export function createMemoryEngine(): MemoryEngine {
  const books = new Map<string, Book>();
  const codes = new Map<string, CodeView>();
  const remembered = new Map<string, { fingerprint: number; reply: CommandReply }>();
  const held: (() => void)[] = [];
  const unsent = new Map<(reply: CommandReply) => void, NodeJS.Immediate>();
  let ids = 0;
  let seq = 0;
  const promotions = createMemoryPromotions(() => NOW_MS);

  const shardOfBook = (bookId: BookId): ShardId => asShardId(Number.parseInt(bookId.slice(-2), 16) % SHARD_COUNT);
  const later = (send: () => void): void => {
    if (engine.holding) held.push(send);
    else queueMicrotask(send);
  };

  const engine: MemoryEngine = {
    shardCount: SHARD_COUNT,
    commands: [],
    queries: [],
    next: null,
    full: false,
    isFull: () => engine.full,
    holding: false,
    codes,
    release() {
      engine.holding = false;
      for (const send of held.splice(0)) send();
    },
    shardOfBook,
    newBookId() {
      ids++;
      return asBookId(`0193a3b0-7c00-7000-8000-${ids.toString(16).padStart(12, '0')}`);
    },
    newIdBeside: () => engine.newBookId(null),
    shardsOf: () => [],
    command(command, origin, reply) {
      // As the router does: a command leaves the HTTP thread at the end of the turn.
      const leaving = setImmediate(() => {
        unsent.delete(reply);
        engine.commands.push({ command, origin });
        const given = takeNext() as CommandReply | null;
        const isOwn = promotions.isOwn(command);
        const answer = given ?? (isOwn ? promotions.command(command, origin) : once(command, origin));
        later(() => reply(answer));
      });
      unsent.set(reply, leaving);
    },
    withdraw(reply) {
      const leaving = unsent.get(reply);
      clearImmediate(leaving);
      return unsent.delete(reply);
    },
    query(asked, shard, reply) {
      engine.queries.push(asked);
      const given = takeNext() as QueryReply | null;
      const answer = given ?? read(asked, shard);
      later(() => reply(answer));
    },
  };

  function takeNext(): CommandReply | QueryReply | null {
    const given = engine.next;
    engine.next = null;
    return given;
  }

  function once(command: Command, origin: Origin): CommandReply {
    if (origin.idempotency === null) return done(decide(command));
    const key = `${origin.caller} ${origin.idempotency.key}`;
    const known = remembered.get(key);
    if (known !== undefined) {
      if (known.fingerprint !== origin.idempotency.fingerprint) return refused('idempotencyKeyReused');
      return known.reply.kind === 'done' ? { ...known.reply, replayed: true } : known.reply;
    }
    const reply = done(decide(command));
    if (reply.kind === 'done') remembered.set(key, { fingerprint: origin.idempotency.fingerprint, reply });
    return reply;
  }

  function done(outcome: Outcome | Refusal): CommandReply {
    if (outcome.kind === 'refused') return outcome;
    seq++;
    return { kind: 'done', outcome, shard: asShardId(3), seq: asSeq(seq), replayed: false };
  }

  function decide(command: Command): Outcome | Refusal {
    const known = asKnownCommand(command);
    if (known !== null) return decideKnown(known);
    if ('code' in command && !codes.has(command.code)) return refused('codeNotFound');
    return sampleOutcomeOf(command);
  }

  function decideKnown(command: KnownCommand): Outcome | Refusal {
    switch (command.kind) {
      case 'createBook': {
        const book = newBook(command.bookId, command.settings);
        books.set(book.id, book);
        for (let i = 0; i < (command.codes?.count ?? 0); i++) addCode(book.id, `INIT-${codes.size}`);
        return { kind: 'bookShown', book, counts: countsOf(book.id), offer: NO_OFFER };
      }
      case 'updateBook': {
        const book = books.get(command.bookId);
        if (book === undefined) return refused('bookNotFound');
        if (command.ifVersion !== null && !command.ifVersion.includes(book.version))
          return refused('bookVersionMismatch');
        const changed = { ...book, settings: { ...book.settings, ...command.patch }, version: book.version + 1 };
        books.set(book.id, changed);
        return { kind: 'bookShown', book: changed, counts: countsOf(book.id), offer: NO_OFFER };
      }
      case 'archiveBook': {
        const book = books.get(command.bookId);
        if (book === undefined) return refused('bookNotFound');
        if (command.ifVersion !== null && !command.ifVersion.includes(book.version))
          return refused('bookVersionMismatch');
        books.set(book.id, { ...book, archivedMs: NOW_MS });
        return { kind: 'archived' };
      }
      case 'openBatch':
      case 'giveUpBatch':
        throw new Error('this is told by the main thread only');
      case 'addCodes': {
        for (let i = 0; i < command.codes.count; i++) addCode(command.bookId, `ADDED-${codes.size}`);
        return { kind: 'codesAdded', total: countsOf(command.bookId).total, report: command.codes.report };
      }
      case 'assignRandom': {
        const free = [...codes.values()].find((code) => code.bookId === command.bookId && code.userId === null);
        return free === undefined ? refused('noneAvailable') : assign(free, command.userId);
      }
      case 'assignCode': {
        const code = codes.get(command.code);
        return code === undefined ? refused('codeNotFound') : assign(code, command.userId);
      }
      case 'lockCode': {
        const { code, userId, ttlMs } = command;
        if (!codes.has(code)) return refused('codeNotFound');
        return { kind: 'locked', code, userId, lockId: 7, untilMs: NOW_MS + (ttlMs ?? 120_000) };
      }
      case 'unlockCode':
        return codes.has(command.code)
          ? { kind: 'unlocked', code: command.code, userId: command.userId }
          : refused('codeNotFound');
      case 'redeemCode': {
        const { code, userId } = command;
        if (!codes.has(code)) return refused('codeNotFound');
        const redemptionId = '0193a3b0-7c00-7000-9000-000000000001';
        return { kind: 'redeemed', code, userId, redemptionId, redeemedMs: NOW_MS, redemptionCount: 1, remaining: 0 };
      }
      case 'rollbackRedemption': {
        const { code, redemptionId } = command;
        return { kind: 'rolledBack', code, redemptionId, redemptionCount: 0, remaining: 1 };
      }
      case 'unassignCode': {
        const code = codes.get(command.code);
        if (code === undefined) return refused('codeNotFound');
        return { kind: 'unassigned', bookId: code.bookId, code: code.code };
      }
    }
  }

  function assign(code: CodeView, userId: string): Outcome {
    codes.set(code.code, { ...code, userId, assignedMs: NOW_MS, status: 'assigned' });
    return { kind: 'assigned', bookId: code.bookId, code: code.code, userId, assignedMs: NOW_MS };
  }

  function addCode(bookId: BookId, code: string): void {
    codes.set(code, {
      code,
      bookId,
      status: 'available',
      userId: null,
      assignedMs: null,
      lockId: null,
      lockedUntilMs: null,
      redemptionCount: 0,
      redeemedMs: null,
      remaining: 1,
      lastSeq: asSeq(1),
    });
  }

  function read(asked: Query, shard: ShardId | null): QueryReply {
    if (isOfPromotions(asked)) return promotions.query(asked);
    const result = view(asked, shard);
    if (result.kind === 'refused') return result;
    return { kind: 'result', result, shard: shard ?? asShardId(3), durableSeq: asSeq(seq) };
  }

  function view(asked: OwnQuery, shard: ShardId | null): QueryResult | Refusal {
    switch (asked.kind) {
      case 'getBook': {
        const book = books.get(asked.bookId);
        return book === undefined
          ? refused('bookNotFound')
          : { kind: 'book', view: { book, counts: countsOf(book.id), offer: NO_OFFER } };
      }
      case 'getStats': {
        const book = books.get(asked.bookId);
        if (book === undefined) return refused('bookNotFound');
        const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000].map((width) => NOW_MS - (NOW_MS % width));
        const rates = { perMinute: [0, 1], perHour: [1], perDay: [1] };
        const starts = { minuteMs: minuteMs ?? 0, hourMs: hourMs ?? 0, dayMs: dayMs ?? 0 };
        return { kind: 'stats', stats: { book, counts: countsOf(book.id), offer: NO_OFFER, ...rates, ...starts } };
      }
      case 'listBooks': {
        const found = [...books.values()]
          .filter((book) => shardOfBook(book.id) === shard && (asked.afterId === null || book.id > asked.afterId))
          .filter((book) => asked.isActive === null || book.settings.isActive === asked.isActive)
          .filter((book) => asked.name === null || book.settings.name.includes(asked.name));
        const items = found.slice(0, asked.limit).map((book) => ({ book, counts: countsOf(book.id), offer: NO_OFFER }));
        return { kind: 'books', items };
      }
      case 'getCode': {
        const code = codes.get(asked.code);
        return code === undefined ? promotions.withCode(asked) : { kind: 'code', code };
      }
      case 'listCodes':
        if (!books.has(asked.bookId)) return refused('bookNotFound');
        return page(asked, (code) => code.bookId === asked.bookId);
      case 'listUserCodes':
        return page(asked, (code, index) => code.userId === asked.userId && index % SHARD_COUNT === shard);
      case 'batchFate':
      case 'listOpenBatches':
      case 'isKeyRemembered':
        return { kind: 'answer', isTrue: false };
      case 'dryRun':
        throw new Error('this is asked by the main thread only');
    }
  }

  /** A code's index is its place in `codes`. */
  function page(
    {
      afterIndex,
      limit,
      status,
    }: { readonly afterIndex: number; readonly limit: number; readonly status: string | null },
    wanted: (code: CodeView, index: number) => boolean,
  ): QueryResult {
    const found = [...codes.values()]
      .map((code, index) => ({ code, index }))
      .filter(({ code, index }) => index > afterIndex && wanted(code, index))
      .filter(({ code }) => status === null || code.status === status);
    const shown = found.slice(0, limit);
    const nextIndex = found.length > limit ? (shown.at(-1)?.index ?? null) : null;
    return { kind: 'codes', page: { items: shown.map(({ code }) => code), nextIndex } };
  }

  function countsOf(bookId: BookId): BookCounts {
    const own = [...codes.values()].filter((code) => code.bookId === bookId);
    const available = own.filter((code) => code.userId === null).length;
    return { total: own.length, available, assigned: own.length - available, locked: 0, redeemed: 0, redemptions: 0 };
  }

  return engine;
}

function newBook(id: BookId, settings: BookSettings): Book {
  return { id, settings, version: 1, createdMs: NOW_MS, updatedMs: NOW_MS, archivedMs: null };
}

export const refused = (reason: Refusal['reason'], retryAtMs?: number): Refusal => ({
  kind: 'refused',
  reason,
  detail: `Refused: ${reason}.`,
  ...(retryAtMs === undefined ? {} : { retryAtMs }),
});

export const ADMIN: Account = { id: 'a-admin', email: 'admin@admin.com', role: 'admin' };
export const SERVICE: Account = { id: 'a-service', email: 'service@service.com', role: 'service' };
export const USER: Account = { id: 'a-user', email: 'user@user.com', role: 'user' };
const PASSWORD = 'Password1';

const RESERVED = reservedWords(ROUTES);

/** The one job there is. */
const NO_BOOK = asBookId('');
export const JOB_ID = '01900000-0000-7000-8000-00000000000b';

const memoryJob = (status: Job['status'], total: number): Job => ({
  jobId: JOB_ID,
  kind: 'generate',
  status,
  done: 0,
  total,
  startedMs: NOW_MS,
  finishedMs: status === 'processing' ? null : NOW_MS,
  error: null,
  result: null,
});

export function createMemoryControl(): MemoryControl {
  const jobs = new Map<string, Job>();
  const accounts = [ADMIN, SERVICE, USER];
  const parsers = new Map<MemoryUpload, CodeParser>();
  const senders = new Map<MemoryUpload, UploadSender & { readonly bookId: BookId }>();
  let batches = 0;

  const check = (): void => {
    const { fail } = control;
    control.fail = null;
    if (fail !== null) throw fail;
  };

  const control: MemoryControl = {
    fail: null,
    uploads: [],
    discarded: [],
    signIns: [],
    signInGate: Promise.resolve(),
    async signIn(email, password) {
      check();
      control.signIns.push(email);
      await control.signInGate;
      return password === PASSWORD ? (accounts.find((account) => account.email === email) ?? null) : null;
    },
    async createUser(email, _password, role) {
      check();
      if (accounts.some((account) => account.email === email)) return null;
      const account = { id: `a-${accounts.length}`, email, role };
      accounts.push(account);
      return account;
    },
    async homeOfProduct(_productId, shard) {
      check();
      return shard;
    },
    async settleProduct() {
      check();
    },
    async accountById(id) {
      check();
      return accounts.find((account) => account.id === id) ?? null;
    },
    async history(shard, code, _dependsOn, beforeSeq, limit) {
      check();
      const entries: HistoryEntry[] = [];
      for (let seq = (beforeSeq ?? 6) - 1; seq > 0 && entries.length < limit; seq--) {
        entries.push(entry(shard, code, seq));
      }
      return entries;
    },
    ...memoryReports,
    async uploadBegin(bookId, shape, sender) {
      check();
      const codes: string[] = [];
      const upload: MemoryUpload = { shape, text: '', codes, state: 'open' };
      const take = (batch: readonly string[]): void => {
        for (const code of batch) codes.push(code);
      };
      parsers.set(upload, createCodeParser(shape, RESERVED, take));
      senders.set(upload, { ...sender, bookId });
      return control.uploads.push(upload) - 1;
    },
    async uploadChunk(uploadId, bytes) {
      check();
      const upload = control.uploads[uploadId];
      if (upload === undefined) return;
      upload.text += Buffer.from(bytes).toString();
      parsing(() => parsers.get(upload)?.push(bytes));
    },
    async uploadEnd(uploadId) {
      check();
      const upload = control.uploads[uploadId];
      const parser = upload === undefined ? undefined : parsers.get(upload);
      if (upload === undefined || parser === undefined) throw new Error('no such upload');
      const { received, invalid, errors, column } = parsing(() => parser.end());
      upload.state = 'ended';
      const bookId = senders.get(upload)?.bookId ?? NO_BOOK;
      return { ...report(upload.codes.length), bookId, received, invalid, errors, column };
    },
    async uploadAbort(uploadId) {
      const upload = control.uploads[uploadId];
      if (upload !== undefined) upload.state = 'aborted';
    },
    async uploadProgress({ caller, requestId }) {
      for (const upload of control.uploads) {
        const sender = senders.get(upload);
        if (upload.state !== 'open' || sender?.caller !== caller || sender.requestId !== requestId) continue;
        const received = upload.text.split('\n').length - 1;
        const bytes = upload.text.length;
        return { bookId: sender.bookId, phase: 'receiving', bytes, received, loaded: 0, startedMs: 0 };
      }
      return null;
    },
    async generate({ quantity }) {
      check();
      const { batchId, size, count } = report(quantity);
      return { batchId, size, count, keyspace: String(2n ** 40n), keyspaceBits: 40 };
    },
    async settleBatch(batchId, fate) {
      if (fate === 'dropped') control.discarded.push(batchId);
    },
    async generateJob({ quantity }) {
      check();
      jobs.set(JOB_ID, memoryJob('processing', quantity));
      return { job: memoryJob('processing', quantity), replayed: false };
    },
    async job(jobId) {
      check();
      return jobs.get(jobId) ?? null;
    },
    async cancelJob(jobId) {
      check();
      const job = jobs.get(jobId);
      if (job?.status === 'processing') jobs.set(jobId, memoryJob('cancelled', job.total));
      return jobs.get(jobId) ?? null;
    },
    async readiness() {
      check();
      return { ready: true, parts: { journal: { ok: true, detail: 'appending' } } };
    },
    async metrics() {
      check();
      return 'clipbook_up 1\n';
    },
  };

  function report(received: number): UploadReport {
    batches++;
    const counts = { received, size: received, count: received, duplicates: 0, invalid: 0 };
    return { ...counts, errors: [], column: null, batchId: batches, bookId: NO_BOOK };
  }
  return control;
}

/** What the real parser does, with its failures as the main thread hands them on. */
function parsing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UploadMalformed)) throw error;
    const { fault, message } = error;
    if (fault.kind === 'badField') throw new ControlError('invalidField', fault.reason, fault.path);
    throw new ControlError(fault.kind === 'notJson' ? 'malformed' : 'invalid', message);
  }
}

function entry(shard: ShardId, code: string, seq: number): HistoryEntry {
  return {
    shard,
    seq: asSeq(seq),
    atMs: NOW_MS,
    event: 'coupon.assigned',
    code,
    userId: 'u-1',
    caller: 'a-admin',
    requestId: 'r-1',
    redemptionId: null,
    detail: null,
  };
}
