/** Compares the answers of callers with the state of the server. */
import type { Api } from '../support/api.js';
import type { Caller, Told } from './workload.js';

export interface Verdict {
  checked: number;
  /** Answered, and not there. */
  readonly lost: string[];
  /** There more often than it was asked for. */
  readonly doubled: string[];
}

/** `since`: how many of each caller's codes were verified before and are done with. */
export async function verify(api: Api, callers: readonly Caller[], since: Map<Caller, number>): Promise<Verdict> {
  const verdict: Verdict = { checked: 0, lost: [], doubled: [] };
  let checked = 0;
  await Promise.all(
    callers.map(async (caller) => {
      for (let i = since.get(caller) ?? 0; i < caller.told.length; i++) {
        const told = caller.told[i] as Told;
        const isLast = i === caller.told.length - 1;
        await verifyCode(api, told, isLast ? caller.unknown() : null, verdict);
        checked += told.events.length;
      }
      // The last code is still in use: it is looked at again.
      since.set(caller, Math.max(0, caller.told.length - 1));
    }),
  );
  return { ...verdict, checked };
}

async function verifyCode(api: Api, told: Told, unknown: string | null, verdict: Verdict): Promise<void> {
  const { events, code } = told;
  const history = await historyOf(api, code);
  const mine = history.filter(({ userId }) => userId === told.userId);
  for (const { event, commitSeq } of events) {
    const there = mine.filter((entry) => entry.commitSeq === commitSeq && entry.event === event);
    if (there.length === 0) verdict.lost.push(`${event} of ${code} at ${commitSeq}`);
    if (there.length > 1) verdict.doubled.push(`${event} of ${code} at ${commitSeq}`);
  }
  // One may have happened without its answer: that of the command that is under way.
  const extra = mine.length - events.length;
  if (extra > (unknown === null ? 0 : 1))
    verdict.doubled.push(`${extra} events too many of ${code}: ${JSON.stringify(mine)}`);
  const { body: state } = await api.call('GET', `/coupons/code/${code}`);
  if (extra === 0 && told.status !== 'available' && state.status !== told.status) {
    verdict.lost.push(`${code} is ${state.status}, and its user was told ${told.status}`);
  }
}

interface Entry {
  readonly event: string;
  readonly commitSeq: string;
  readonly userId: string | null;
}

async function historyOf(api: Api, code: string): Promise<Entry[]> {
  for (;;) {
    const { status, body } = await api.call('GET', `/coupons/${code}/history?limit=1000`);
    if (status === 200) return body.items;
    // The code itself was lost, and with it all answered changes of it.
    if (status === 404) return [];
    if (status !== 503) throw new Error(`the history of ${code} got ${status}: ${JSON.stringify(body)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
