/**
 * Uploads, one after another, into a book of the uploader's own. Each brings codes that nobody else
 * has, and some that the other uploaders bring at the same time: each of those ends in one book.
 */
import type { Api } from '../support/api.js';
import { insist, look, newBook, type Party, type Pending, pendingOf, totalOf, unexpected } from './party.js';
import type { Verdict } from './verify.js';

const OWN_CODES = 30;
const SHARED_CODES = 20;
/** Of each upload, so many of its own codes are looked for. */
const SAMPLES = 3;

/** The codes that all uploaders bring. */
export interface SharedCodes {
  next: number;
}

interface Upload {
  readonly pending: Pending;
  readonly codes: readonly string[];
}

export async function createUploader(api: Api, name: string, shared: SharedCodes): Promise<Party> {
  const bookId = await newBook(api);
  let current: Upload | null = null;
  let unverified: (readonly string[])[] = [];
  let added = 0;
  let uploads = 0;
  let isStopped = false;

  function nextUpload(): Upload {
    const own = Array.from({ length: OWN_CODES }, (_, index) => `${name}-${uploads}-${index}`);
    const first = Math.max(0, shared.next - Math.floor(Math.random() * SHARED_CODES));
    shared.next = first + SHARED_CODES;
    const common = Array.from({ length: SHARED_CODES }, (_, index) => `SHARED-${first + index}`);
    const codes = [...own, ...common];
    return { codes, pending: pendingOf(`/coupon-books/${bookId}/codes`, { codes }) };
  }

  /** False: there is no answer. */
  async function uploadOne(over: Api): Promise<boolean> {
    current ??= nextUpload();
    const reply = await insist(over, current.pending, () => isStopped);
    if (reply === null) return false;
    const { codes } = current;
    current = null;
    if (reply.status !== 200) throw unexpected('an upload', reply);
    if (reply.body.added + reply.body.duplicates !== codes.length || reply.body.added < OWN_CODES)
      throw unexpected('an upload', reply);
    uploads++;
    added += reply.body.added;
    unverified.push(codes);
    return true;
  }

  async function verifyCodes(over: Api, codes: readonly string[], verdict: Verdict): Promise<void> {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const own = codes[Math.floor(Math.random() * OWN_CODES)] as string;
      const found = await look(over, `/coupons/code/${own}`);
      if (found.status !== 200 || found.body.couponBookId !== bookId) verdict.lost.push(`${own} is not in its book`);
      const common = codes[OWN_CODES + Math.floor(Math.random() * SHARED_CODES)] as string;
      const other = await look(over, `/coupons/code/${common}`);
      if (other.status !== 200) verdict.lost.push(`${common} is in no book`);
      verdict.checked += 2;
    }
  }

  return {
    answered: () => uploads,
    async run(over) {
      isStopped = false;
      while (!isStopped && (await uploadOne(over)));
    },
    stop() {
      isStopped = true;
    },
    async finish(over) {
      isStopped = false;
      if (current !== null) await uploadOne(over);
    },
    async verify(over, verdict) {
      const total = await totalOf(over, bookId);
      const unknown = current === null ? 0 : current.codes.length;
      if (total < added) verdict.lost.push(`${name} was told that ${added} codes were added, and ${total} are there`);
      if (total > added + unknown)
        verdict.doubled.push(
          `${name} was told that ${added} codes were added, ${unknown} more may be, ${total} are there`,
        );
      for (const codes of unverified) await verifyCodes(over, codes, verdict);
      unverified = [];
    },
  };
}
