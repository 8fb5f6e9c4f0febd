/**
 * Callers who compete: all of them want the same codes, in the same order. Each code is won by one
 * of them: assigned and then redeemed, or redeemed straight away. The others are refused.
 */
import type { Api } from '../support/api.js';
import { insist, look, newBook, type Party, type Pending, pendingOf, unexpected } from './party.js';
import type { Verdict } from './verify.js';

const CODES_PER_UPLOAD = 5_000;

interface Prize {
  readonly code: string;
  readonly assignedTo: string[];
  readonly redeemedBy: string[];
}

interface Contender {
  readonly userId: string;
  /** The prize that it goes for. */
  at: number;
  pending: Pending | null;
}

export async function createContest(api: Api, contenderCount: number): Promise<Party> {
  const bookId = await newBook(api, { redeemableBy: 'bearer' });
  const prizes: Prize[] = [];
  const contenders = Array.from(
    { length: contenderCount },
    (_, index): Contender => ({ userId: `contender-${index}`, at: 0, pending: null }),
  );
  let uploading: Pending | null = null;
  let verified = 0;
  let answered = 0;
  let isStopped = false;

  /** Brings in the next prizes. False: the server can't be reached. */
  async function putUp(over: Api): Promise<boolean> {
    const codes = Array.from({ length: CODES_PER_UPLOAD }, (_, index) => `PRIZE-${prizes.length + index}`);
    uploading ??= pendingOf(`/coupon-books/${bookId}/codes`, { codes });
    const reply = await insist(over, uploading, () => isStopped);
    if (reply === null) return false;
    if (reply.status !== 200 || reply.body.added !== codes.length) throw unexpected('bringing in prizes', reply);
    uploading = null;
    prizes.push(...codes.map((code): Prize => ({ code, assignedTo: [], redeemedBy: [] })));
    return true;
  }

  /** One request of a contender. False: there is no answer. */
  async function compete(over: Api, contender: Contender): Promise<boolean> {
    const { userId } = contender;
    const prize = prizes[contender.at] as Prize;
    const isMine = prize.assignedTo.includes(userId);
    const isRedeeming = contender.at % 2 === 0 || isMine;
    const path = isRedeeming ? `/coupons/${prize.code}/redeem` : `/coupons/assign/${prize.code}`;
    contender.pending ??= pendingOf(path, { userId });
    const reply = await insist(over, contender.pending, () => isStopped);
    if (reply === null) return false;
    contender.pending = null;
    answered++;
    if (reply.status === 200) (isRedeeming ? prize.redeemedBy : prize.assignedTo).push(userId);
    else if (reply.status >= 500 || isMine) throw unexpected(`the contest for ${prize.code}`, reply);
    if (isRedeeming || reply.status !== 200) contender.at++;
    return true;
  }

  async function runOne(over: Api, contender: Contender): Promise<void> {
    while (!isStopped && contender.at < prizes.length && (await compete(over, contender)));
  }

  async function verifyPrize(over: Api, { code, assignedTo, redeemedBy }: Prize, verdict: Verdict): Promise<void> {
    const winners = new Set([...assignedTo, ...redeemedBy]);
    if (winners.size > 1 || redeemedBy.length > 1)
      verdict.doubled.push(`${code} was won by ${[...winners].join(', ')}`);
    if (redeemedBy.length === 0) verdict.lost.push(`${code} was refused to all, and nobody redeemed it`);
    const { body } = await look(over, `/coupons/code/${code}`);
    if (body.status !== 'redeemed' || !winners.has(body.userId))
      verdict.lost.push(`${code} was redeemed by ${redeemedBy.join()}, and is ${body.status} of ${body.userId}`);
  }

  return {
    answered: () => answered,
    async run(over) {
      isStopped = false;
      do {
        await Promise.all(contenders.map((contender) => runOne(over, contender)));
        if (isStopped || contenders.some(({ at }) => at < prizes.length)) return;
      } while (await putUp(over));
    },
    stop() {
      isStopped = true;
    },
    async finish(over) {
      isStopped = false;
      const end = Math.max(...contenders.map(({ at }) => at + 1));
      for (const contender of contenders) {
        while (contender.at < Math.min(end, prizes.length)) {
          if (!(await compete(over, contender))) throw new Error('the contest can not be finished');
        }
      }
    },
    async verify(over, verdict) {
      const decided = Math.min(...contenders.map(({ at }) => at));
      for (; verified < decided; verified++) {
        await verifyPrize(over, prizes[verified] as Prize, verdict);
        verdict.checked++;
      }
    },
  };
}
