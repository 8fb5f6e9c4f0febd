/**
 * Callers who reserve a whole campaign: its two promotions and a unique code. Every second one
 * pays, the others never come back.
 */
import { randomUUID } from 'node:crypto';
import { insist, look, type Pending, pause, pendingOf, unexpected } from '../crash/party.js';
import type { Api } from '../support/api.js';
import type { Asked, UniqueCodes } from './campaign-codes.js';
import { cents, totalFor } from './carts.js';

export const CAPPED = 'CAPPED';
export const BUDGETED = 'BUDGETED';
export const CAMPAIGN = randomUUID();
/** Codes that are sampled one after the other lie so far apart. */
const SAMPLE_STEP = 37;

export interface CrowdOptions {
  readonly reservations: number;
  /** Reservations that are under way at once. */
  readonly callers: number;
  /** Must outlast the callers, so that they compete for what others hold. */
  readonly reserveSeconds: number;
}

interface Reserved {
  readonly id: string;
  readonly code: string;
  /** Of the budget, and of the unique code. */
  readonly amount: number;
  isPaid: boolean;
}

export interface Crowd {
  /** Resolves when all are served, or when the server can't be reached. */
  run(api: Api): Promise<void>;
  /** Resolves when so many have reserved, or when all have begun. */
  untilReserved(count: number): Promise<void>;
  readonly counts: { reserved: number; refused: number; late: number };
  committed(): readonly Reserved[];
  /** Looks at the codes of one caller who has a reservation, and of one who got none. */
  sample(api: Api, faults: string[]): Promise<void>;
  /** Looks for each reservation that was answered, and at each code that was asked for. */
  verify(api: Api, faults: string[]): Promise<void>;
  /** One more, which is paid; null: it is refused, with this detail. */
  take(api: Api, amount: number): Promise<string | null>;
  summary(): string;
}

/** What a caller is about; its request is sent again until it has an answer. */
interface Errand {
  readonly code: string;
  readonly amount: number;
  readonly comesBack: boolean;
  reserved: Reserved | null;
  pending: Pending;
}

export function createCrowd({ reservations, callers, reserveSeconds }: CrowdOptions, codes: UniqueCodes): Crowd {
  const counts = { reserved: 0, refused: 0, late: 0 };
  const all: Reserved[] = [];
  /** Codes that were in a refused reservation. */
  const refused: string[] = [];
  const errands: (Errand | null)[] = Array.from({ length: callers }, () => null);
  let begun = 0;
  let taken = 0;
  let samples = 0;

  function newErrand(number: number, amount: number, comesBack: boolean): Errand {
    const { code, userId } = codes.wantedBy(number);
    const body = { codes: [CAPPED, BUDGETED, code], userId, cartTotal: totalFor(amount), reserveSeconds };
    return { code, amount, comesBack, reserved: null, pending: pendingOf(`/campaigns/${CAMPAIGN}/reserve`, body) };
  }

  function nextErrand(): Errand | null {
    if (begun === reservations) return null;
    const number = begun++;
    return newErrand(number, 100 + ((number * 37) % 900), number % 2 === 0);
  }

  /** The detail of a refusal; null: it is reserved. Undefined: there is no answer. */
  async function reserve(api: Api, errand: Errand): Promise<string | null | undefined> {
    const reply = await insist(api, errand.pending, () => false);
    if (reply === null) return undefined;
    if (reply.status === 409 && reply.body.type === '/problems/campaign-incomplete') {
      counts.refused++;
      refused.push(errand.code);
      return reply.body.detail;
    }
    const id: string = reply.body.reservationId;
    if (reply.status !== 200 || !isWhole(reply.body.applied, errand)) throw unexpected('a reservation', reply);
    counts.reserved++;
    errand.reserved = { id, code: errand.code, amount: errand.amount, isPaid: false };
    errand.pending = pendingOf(`/reservations/${id}/commit`, {});
    all.push(errand.reserved);
    return null;
  }

  /** False: there is no answer. */
  async function pay(api: Api, { pending, reserved }: Errand): Promise<boolean> {
    const reply = await insist(api, pending, () => false);
    if (reply === null) return false;
    if (reply.status === 410) counts.late++;
    else if (reply.status !== 200 || reserved === null) throw unexpected('a commit', reply);
    else reserved.isPaid = true;
    return true;
  }

  /** One after the other, until there is no answer or nothing left to do. */
  async function serve(api: Api, caller: number): Promise<void> {
    for (;;) {
      const errand = errands[caller] ?? nextErrand();
      errands[caller] = errand;
      if (errand === null) return;
      if (errand.reserved === null) {
        const refusal = await reserve(api, errand);
        if (refusal === undefined) return;
      }
      if (errand.reserved !== null && errand.comesBack && !(await pay(api, errand))) return;
      errands[caller] = null;
    }
  }

  function askedFor(code: string): Asked {
    const isOpen = errands.some((errand) => errand?.code === code);
    return { isOpen, reservations: all.filter((reserved) => reserved.code === code) };
  }

  return {
    counts,
    committed: () => all.filter(({ isPaid }) => isPaid),
    async run(api) {
      await Promise.all(errands.map((_, caller) => serve(api, caller)));
    },
    async untilReserved(count) {
      while (counts.reserved < count && begun < reservations) await pause(1);
    },
    async sample(api, faults) {
      // The answer may be on its way: then it is looked at when the next sample is taken.
      for (const code of [refused.at(samples % refused.length), all.at(samples % all.length)?.code]) {
        if (code === undefined || askedFor(code).isOpen) continue;
        const before = JSON.stringify(askedFor(code));
        const found: string[] = [];
        await codes.verify(api, code, askedFor(code), found);
        // Unless somebody asked for it meanwhile.
        if (JSON.stringify(askedFor(code)) === before) faults.push(...found);
      }
      samples += SAMPLE_STEP;
    },
    async verify(api, faults) {
      for (const reserved of all) {
        const { id, isPaid } = reserved;
        const { status, body } = await look(api, `/reservations/${id}`);
        const isThere = isPaid ? body.status === 'committed' : ['held', 'expired', 'committed'].includes(body.status);
        if (status !== 200 || !isWhole(body.holds, reserved) || !isThere)
          faults.push(`reservation ${id} (paid: ${isPaid}) is ${status} ${JSON.stringify(body)}`);
      }
      for (const code of new Set([...all.map((reserved) => reserved.code), ...refused]))
        await codes.verify(api, code, askedFor(code), faults);
    },
    async take(api, amount) {
      const errand = newErrand(reservations + taken++, amount, true);
      const refusal = await reserve(api, errand);
      if (refusal === undefined || (refusal === null && !(await pay(api, errand))))
        throw new Error('the server is away');
      return refusal ?? null;
    },
    summary: () => `${begun} begun, ${counts.reserved} reserved, ${counts.refused} refused, ${counts.late} late`,
  };
}

interface Taken {
  readonly code: string;
  readonly amount: number;
}

/** Whether these are both promotions and the unique code, and nothing else. */
function isWhole(holds: readonly Taken[], { code, amount }: Taken): boolean {
  const amountOf = (name: string): number => cents(holds.find((hold) => hold.code === name)?.amount ?? Number.NaN);
  const isCapped = holds.some((hold) => hold.code === CAPPED);
  return holds.length === 3 && isCapped && amountOf(BUDGETED) === amount && amountOf(code) === amount;
}
