/**
 * Compares everything that callers were told (answers, refusals and reads) with the journal.
 *
 * Durable changes (truth.ts) are applied naively (fold.ts), one by one. A read names the sequence
 * that it saw, so it is compared with the fold at exactly that sequence. A refusal names none; its
 * twin does: a read that is asked in the same turn, right behind it, and that therefore saw the
 * same state.
 *
 *     turn    command ─▶ refused        told while `heldSeq` was durable
 *             its twin ─▶ result, saw `durableSeq`        heldSeq >= durableSeq, or the refusal was released too early
 *
 * Every later request sees everything that any caller was told, whichever process answers.
 */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Command, Origin, Query } from '../../src/domain/command.js';
import type { Change } from '../../src/domain/event.js';
import { asSeq, type Seq, type ShardId } from '../../src/domain/ids.js';
import type { Outcome, Refusal } from '../../src/domain/outcome.js';
import type { Done, QueryReply } from '../../src/engine/engine.js';
import type { ActorReply } from '../../src/engine/requests.js';
import type { UploadRequest } from './control.js';
import { type CodesOfBatch, codesOfBook, type Fold, foldChange, isOfBatch, newFold } from './fold.js';
import { holderOf, isLocked } from './folded-codes.js';
import { checkPromotionsDone, checkPromotionsRead, discountShownOf, isRightOfPromotions } from './promotion-judge.js';
import type { Truth } from './truth.js';
import { isOfReservation, isUseRefused } from './unique-code-judge.js';

export type Asked = AskedCommand | AskedQuery;

export interface AskedCommand {
  readonly kind: 'command';
  readonly id: number;
  readonly shard: ShardId;
  readonly command: Command;
  readonly origin: Origin;
  /** What it brings in; null: no codes. */
  readonly upload: UploadRequest | null;
  /** The actor's clock when it took the request. */
  atMs: number;
}

export interface AskedQuery {
  readonly kind: 'query';
  readonly id: number;
  readonly shard: ShardId;
  readonly query: Query;
  atMs: number;
  /** What had been told to anyone when this was asked. */
  readonly toldSeq: Seq;
  /** The id of the command that this one is the twin of; null: it stands alone. */
  readonly twinOf: number | null;
}

export interface Judge {
  /** Takes a reply at the moment at which it left the actor. */
  told(asked: Asked, reply: ActorReply['reply']): void;
  /** Asserts everything about what was told since the last call. */
  check(): void;
  foldOf(shard: ShardId): Fold;
  /** The last sequence of a shard that an answer or a read told anyone about. */
  toldSeq(shard: ShardId): Seq;
  /** Its caller heard nothing: the process died. */
  unheard(asked: Asked): void;
  /** What was answered with yes, or not at all: a caller may send it again. */
  readonly repeatable: readonly AskedCommand[];
  readonly tally: Tally;
}

export interface Tally {
  done: number;
  /** Of them, those that brought codes in. */
  uploads: number;
  refused: number;
  unavailable: number;
  reads: number;
  /** Refusals that were held against the state that they were decided on. */
  judged: number;
}

type Result = Extract<QueryReply, { readonly kind: 'result' }>;
interface Read {
  readonly asked: AskedQuery;
  readonly reply: Result;
  readonly refusal: { readonly asked: AskedCommand; readonly reply: Refusal } | null;
}

export interface JudgeOptions {
  readonly truth: Truth;
  readonly shards: readonly ShardId[];
  readonly codesOf: CodesOfBatch;
  readonly keyTtlMs: number;
  /** How long a replaced process may go on answering reads; see src/journal/redis/ownership.ts. */
  readonly mayReadStale: boolean;
}

export function createJudge({ truth, shards, codesOf, keyTtlMs, mayReadStale }: JudgeOptions): Judge {
  const folds = new Map(shards.map((shard) => [shard, newFold()]));
  const lastTold = new Map<ShardId, Seq>();
  const neverHappened = new Set<string>();
  /** How many batches have a code now, and which codes one ever had. */
  const liveCodes = new Map<string, number>();
  const movedCodes = new Set<string>();
  const repeatable: AskedCommand[] = [];
  /**
   * What was answered to a key, in the order of the journal: after its time, a key may be used
   * anew.
   */
  const firstAnswers = new Map<string, Outcome[]>();
  const tally: Tally = { done: 0, uploads: 0, refused: 0, unavailable: 0, reads: 0, judged: 0 };
  const refusals = new Map<number, { asked: AskedCommand; reply: Refusal; heldSeq: Seq }>();
  let unchecked: { readonly asked: AskedCommand; readonly reply: Done }[] = [];
  let reads: Read[] = [];

  function told(asked: Asked, reply: ActorReply['reply']): void {
    if (reply.kind === 'unavailable') tally.unavailable++;
    if (asked.kind === 'query') {
      if (reply.kind === 'result') toldResult(asked, reply);
      return;
    }
    if (reply.kind === 'result') assert.fail('a command is answered with the result of a query');
    if (reply.kind === 'done') {
      toldDone(asked, reply);
      return;
    }
    if (reply.kind === 'unavailable' && reply.reason === 'outcomeUnknown') {
      unheard(asked);
      return;
    }
    assert.ok(!foldOf(asked.shard).requests.has(asked.origin.requestId), 'what is durable is not denied (I7)');
    neverHappened.add(asked.origin.requestId);
    if (reply.kind === 'unavailable') return;
    tally.refused++;
    refusals.set(asked.id, { asked, reply, heldSeq: truth.lastSeq(asked.shard) });
  }

  function unheard(asked: Asked): void {
    if (asked.kind === 'command') repeatable.push(asked);
  }

  function toldDone(asked: AskedCommand, reply: Done): void {
    tally.done++;
    if (asked.upload !== null) tally.uploads++;
    assert.ok(truth.lastSeq(asked.shard) >= reply.seq, 'what is answered is durable (I2)');
    tell(asked.shard, reply.seq);
    if (reply.replayed) neverHappened.add(asked.origin.requestId);
    repeatable.push(asked);
    unchecked.push({ asked, reply });
  }

  function toldResult(asked: AskedQuery, reply: Result): void {
    tally.reads++;
    const { shard, twinOf } = asked;
    assert.ok(truth.lastSeq(shard) >= reply.durableSeq, 'a read tells nothing that is not durable (I2)');
    assert.ok(mayReadStale || reply.durableSeq >= asked.toldSeq, 'a read sees what was told before it was asked');
    tell(shard, reply.durableSeq);
    const refusal = twinOf === null ? undefined : refusals.get(twinOf);
    if (refusal !== undefined) {
      assert.ok(refusal.heldSeq >= reply.durableSeq, 'a refusal tells nothing that is not durable (I2)');
    }
    reads.push({ asked, reply, refusal: refusal ?? null });
  }

  function tell(shard: ShardId, seq: Seq): void {
    if (seq > toldSeq(shard)) lastTold.set(shard, seq);
  }

  const toldSeq = (shard: ShardId): Seq => lastTold.get(shard) ?? asSeq(0);

  function check(): void {
    for (const { asked, reply, refusal } of reads) {
      const fold = foldOf(asked.shard);
      foldThrough(asked.shard, reply.durableSeq);
      // Replies leave in the order of what they saw, so only a recovery or a replaced process can
      // be behind the fold.
      if (fold.seq !== reply.durableSeq) continue;
      checkRead(fold, asked, reply);
      if (refusal === null) continue;
      tally.judged++;
      assert.ok(
        isRight(fold, refusal.asked, refusal.reply),
        `refused with ${refusal.reply.reason} (${refusal.reply.detail}), and should not be`,
      );
    }
    if (reads.length > 0) reads = [];
    if (refusals.size > 0) refusals.clear();
    for (const shard of shards) foldThrough(shard, truth.lastSeq(shard));
    // Only now: one shard may have freed a code that another one has taken since.
    for (const code of movedCodes) assert.ok((liveCodes.get(code) ?? 0) <= 1, `code ${code} is live once`);
    movedCodes.clear();
    for (const { asked, reply } of unchecked) checkDone(foldOf(asked.shard), asked, reply);
    if (unchecked.length > 0) unchecked = [];
  }

  /** A code is in one book or of one promotion only, also when those are in two shards. */
  function noteCodes({ events }: Change): void {
    for (const event of events) {
      if (event.kind === 'codesAdded') for (const code of codesOf(event.batchId)) countCode(code, 1);
      else if (event.kind === 'codeClaimed') countCode(event.claimedCode, 1);
      else if (event.kind === 'codeFreed') for (const code of codesOf(event.batchId)) countCode(code, -1);
    }
  }

  function countCode(code: string, change: 1 | -1): void {
    liveCodes.set(code, (liveCodes.get(code) ?? 0) + change);
    movedCodes.add(code);
  }

  function checkDone(fold: Fold, { command, origin, upload }: AskedCommand, reply: Done): void {
    checkPromotionsDone(fold.promotions, reply.replayed ? null : command, reply.outcome);
    for (const code of upload?.codes ?? []) assert.ok(liveCodes.has(code), `code ${code} was brought in, and is live`);
    if (reply.replayed) {
      const first =
        origin.idempotency === null ? [] : (firstAnswers.get(nameOf(origin.caller, origin.idempotency)) ?? []);
      assert.ok(
        first.some((outcome) => isDeepStrictEqual(outcome, reply.outcome)),
        'a replay is the first answer (I6)',
      );
    } else if (fold.requests.has(origin.requestId)) {
      assert.equal(fold.requests.get(origin.requestId), reply.seq, 'the answer names its place in the order');
    } else {
      assert.equal(origin.idempotency, null, 'only what needs no change is answered without one');
    }
  }

  function foldThrough(shard: ShardId, through: Seq): void {
    const fold = foldOf(shard);
    if (fold.seq >= through) return;
    for (const { changes } of truth.entriesAfter(shard, fold.seq)) {
      for (const change of changes) {
        if (change.firstSeq <= fold.seq || change.firstSeq > through) continue;
        foldChange(fold, change, codesOf, keyTtlMs);
        if (change.remembered !== null) noteAnswer(nameOf(change.caller, change.remembered), change.remembered.outcome);
        const wasDenied = neverHappened.has(change.requestId) && !isOfBatch(change);
        assert.ok(!wasDenied, `${change.requestId} was answered as not done (I7)`);
        noteCodes(change);
      }
    }
  }

  function noteAnswer(name: string, outcome: Outcome): void {
    const answers = firstAnswers.get(name);
    if (answers === undefined) firstAnswers.set(name, [outcome]);
    else answers.push(outcome);
  }

  function foldOf(shard: ShardId): Fold {
    const fold = folds.get(shard);
    assert.ok(fold !== undefined);
    return fold;
  }

  return { told, check, foldOf, toldSeq, unheard, repeatable, tally };
}

function checkRead(fold: Fold, { query, atMs }: AskedQuery, { result }: Result): void {
  if (result.kind === 'code' && query.kind === 'getCode') {
    const code = fold.codes.get(query.code);
    assert.ok(code !== undefined, 'a code that is shown exists');
    const { userId, assignedMs, redemptionCount, lockId, lockedUntilMs, lastSeq } = result.code;
    const lock = code.lock !== null && isLocked(code, atMs) ? code.lock : null;
    assert.deepEqual(
      { userId, assignedMs, redemptionCount, lockId, lockedUntilMs, lastSeq },
      {
        userId: code.userId,
        assignedMs: code.assignedMs,
        redemptionCount: code.redemptionCount,
        lockId: lock?.lockId ?? null,
        lockedUntilMs: lock?.untilMs ?? null,
        lastSeq: code.lastSeq,
      },
      'a code is shown as the journal has it (I5)',
    );
  } else if (result.kind === 'book' && query.kind === 'getBook') {
    const codes = codesOfBook(fold, query.bookId);
    const { counts, offer, book } = result.view;
    const { total, available } = counts;
    assert.deepEqual(
      { version: book.version, total, available, discount: offer.discount },
      {
        version: fold.books.get(query.bookId)?.version,
        total: codes.length,
        available: codes.filter(({ userId }) => userId === null).length,
        discount: discountShownOf(fold.promotions, query.bookId),
      },
      'a book is shown as the journal has it (I5)',
    );
  } else if (result.kind === 'codes' && query.kind === 'listUserCodes') {
    const theirs = [...fold.codes].filter(([, { userId }]) => userId === query.userId).map(([code]) => code);
    assert.deepEqual(result.page.items.map(({ code }) => code).sort(), theirs.sort(), "a user's codes are complete");
  } else {
    const isOfPromotions = checkPromotionsRead(fold.promotions, query, atMs, result);
    assert.ok(isOfPromotions, `a ${query.kind} is answered with a ${result.kind}`);
  }
}

/**
 * Whether a refusal is true of the state. The reasons that no fault and no race can change are not
 * looked at.
 */
function isRight(fold: Fold, { command, atMs }: AskedCommand, refusal: Refusal): boolean {
  const { reason } = refusal;
  const code = 'code' in command ? fold.codes.get(command.code) : undefined;
  const userId = 'userId' in command ? command.userId : null;
  const locked = code !== undefined && isLocked(code, atMs);
  switch (reason) {
    case 'lockedByAnother':
      if (command.kind === 'reserve') return isRightOfPromotions(fold.promotions, command, atMs, refusal);
      return locked && (code.userId !== userId || holderOf(fold.promotions.reservations, code.text) !== undefined);
    case 'codeLocked':
      return locked;
    case 'notLocked':
      return code !== undefined && !locked;
    case 'assignedToAnother':
      return code !== undefined && code.userId !== null && code.userId !== userId;
    case 'notAssigned':
      return code !== undefined && code.userId === null;
    case 'codeRedeemed':
      return code !== undefined && code.redemptionCount > 0;
    case 'usedUp':
    case 'userRedemptionsLimit':
      return code !== undefined && isUseRefused(fold.promotions, code, userId ?? '', reason);
    case 'noneAvailable':
      return (
        command.kind === 'assignRandom' && !codesOfBook(fold, command.bookId).some((other) => other.userId === null)
      );
    case 'alreadyRolledBack':
      return command.kind === 'rollbackRedemption' && fold.redemptions.get(command.redemptionId)?.rolledBack === true;
    case 'redemptionReserved':
      return command.kind === 'rollbackRedemption' && isOfReservation(fold.promotions, command.redemptionId);
    case 'campaignIncomplete':
    case 'campaignNotFound':
    case 'conditionsUnjudged':
    case 'linesNotReserved':
    case 'notInOneCampaign':
    case 'promotionNotApplicable':
    case 'promotionNotFound':
    case 'promotionVersionMismatch':
    case 'promotionsFull':
    case 'reservationNotFound':
    case 'reservationOver':
    case 'reservationSettled':
    case 'reservationsFull':
    case 'rollbackTooLate':
    case 'useIncomplete':
      return isRightOfPromotions(fold.promotions, command, atMs, refusal);
    case 'orderCancelled':
    case 'orderFulfilled':
    case 'orderKeyReused':
    case 'orderLimit':
    case 'orderNotFound':
    case 'ordersFull':
    case 'productElsewhere':
    case 'productNotFound':
    case 'productsFull':
    case 'roundHasOrders':
    case 'saleNotOpen':
    case 'soldOut':
    case 'stockTooSmall':
      throw new Error('the simulator has no flash sales');
    case 'batchUnknown':
    case 'batchesFull':
    case 'bookArchived':
    case 'bookExists':
    case 'bookInvalid':
    case 'bookNotActive':
    case 'bookNotBegun':
    case 'bookNotFound':
    case 'bookOver':
    case 'bookVersionMismatch':
    case 'codeNotFound':
    case 'idempotencyKeyReused':
    case 'idempotencyMemoryFull':
    case 'lockNotHeld':
    case 'redemptionNotFound':
    case 'userCodesLimit':
      return true;
  }
}

function nameOf(caller: string, { key }: { readonly key: string }): string {
  return `${caller} ${key}`;
}
