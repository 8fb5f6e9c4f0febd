/**
 * Random conversations: requests of many kinds on one connection, cut into random segments, with
 * random flaws. Whatever comes of them, the answers and the effects agree (judge.ts), and the
 * server goes on.
 */
import fc from 'fast-check';
import { contradiction, isRedeemed } from './judge.js';
import type { Names, Told } from './oddity.js';
import type { Script } from './raw-client.js';
import type { Stage } from './stage.js';

const KINDS = ['redeem', 'redeemChunked', 'livez', 'head', 'unknown', 'invalid'] as const;
const FLAWS = [
  'none',
  'close',
  'more',
  'trailer',
  'trailerRequest',
  'twoLengths',
  'emptyEncoding',
  'bothLengths',
  'extension',
  'bareLineFeeds',
] as const;
/**
 * How a request follows the one before. `early`: in a segment of its own, without waiting for an
 * answer.
 */
const FOLLOWS = ['afterAnswer', 'sameSegment', 'early'] as const;

interface Step {
  readonly kind: (typeof KINDS)[number];
  readonly flaw: (typeof FLAWS)[number];
  readonly follows: (typeof FOLLOWS)[number];
  /** Where the bytes are cut, as shares of their length. */
  readonly cuts: readonly number[];
  /** How a chunked body is cut. */
  readonly chunkBytes: number;
}

export interface Talk {
  readonly steps: readonly Step[];
  readonly cut: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS),
  flaw: fc.oneof(
    { weight: 3, arbitrary: fc.constant('none' as const) },
    { weight: 1, arbitrary: fc.constantFrom(...FLAWS) },
  ),
  follows: fc.constantFrom(...FOLLOWS),
  cuts: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }) },
  ),
  chunkBytes: fc.integer({ min: 1, max: 14 }),
});

const talk: fc.Arbitrary<Talk> = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 4 }),
  cut: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

/** Many at once, because some end with a timeout. */
export const talks = fc.array(talk, { minLength: 20, maxLength: 40 });

/** Rejects with the first contradiction. */
export async function haveTalks(stage: Stage, all: readonly Talk[]): Promise<void> {
  await Promise.all(all.map((each) => haveTalk(stage, each)));
  const { status } = await stage.api.call('GET', '/auth/me');
  if (status !== 200) throw new Error(`afterwards the server answered ${status}`);
}

async function haveTalk(stage: Stage, { steps, cut }: Talk): Promise<void> {
  const names = await Promise.all(steps.map(() => stage.names()));
  const { script, unsure } = write(steps, names, cut);
  const { answers, end } = await stage.run(script);
  for (const [i, { code, other }] of names.entries()) {
    const told: Told = isRedemption(steps[i]) ? i : 'hidden';
    const why =
      contradiction(told, answers, await isRedeemed(stage.api, code), unsure[i]) ??
      contradiction('hidden', answers, await isRedeemed(stage.api, other));
    if (why === null) continue;
    const sent = script.segments.map((segment) => JSON.stringify(segment.replaceAll(stage.token, 'T'))).join('\n');
    throw new Error(`request ${i}: ${why}\nsent:\n${sent}\nanswers: ${JSON.stringify(answers)}, ${end}`);
  }
}

const isRedemption = (each: Step | undefined): boolean => each?.kind === 'redeem' || each?.kind === 'redeemChunked';

/** The segments, and for each request whether its outcome is not known when it has no answer. */
function write(
  steps: readonly Step[],
  names: readonly Names[],
  cut: boolean,
): { readonly script: Script; readonly unsure: readonly boolean[] } {
  const segments: string[] = [];
  const after: number[] = [];
  const unsure = steps.map(() => cut);
  for (const [i, each] of steps.entries()) {
    const pieces = cutUp(requestBytes(each, names[i] as Names), each.cuts);
    const [first = '', ...rest] = pieces;
    if (i > 0 && each.follows === 'sameSegment') segments.push(segments.pop() + first);
    else {
      segments.push(first);
      after.push(each.follows === 'afterAnswer' ? i : 0);
    }
    for (const piece of rest) {
      segments.push(piece);
      after.push(0);
    }
    // More has come in a later segment, perhaps before the answers to all that was sent until then.
    const isLater = i > 0 && each.follows === 'early';
    if (isLater || (rest.length > 0 && i > 0)) unsure.fill(true, 0, i);
    if (rest.length > 0 && each.flaw === 'more') unsure.fill(true, 0, i + 1);
  }
  const heads = steps.flatMap(({ kind }, i) => (kind === 'head' ? [i] : []));
  return { script: { segments, after, answers: steps.length, heads, cut }, unsure };
}

function cutUp(bytes: string, cuts: readonly number[]): string[] {
  const places = [...new Set(cuts.map((share) => Math.floor(share * bytes.length)))].sort((a, b) => a - b);
  const inner = places.filter((place) => place > 0 && place < bytes.length);
  return [0, ...inner].map((from, i) => bytes.slice(from, inner[i] ?? bytes.length));
}

const BODY = '{"userId":"u"}';

function requestBytes({ kind, flaw, chunkBytes }: Step, { token, code, other }: Names): string {
  const isChunked = kind === 'redeemChunked';
  const hidden = plainRedeem(token, other);
  const lines = [
    requestLine(kind, code),
    'Host: h',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
  ];
  if (flaw === 'close') lines.push('Connection: close');
  if (flaw === 'twoLengths') lines.push('Content-Length: 0', `Content-Length: ${BODY.length}`);
  if (flaw === 'emptyEncoding') lines.push('Transfer-Encoding:');
  if (flaw === 'bothLengths') lines.push('Content-Length: 3', 'Transfer-Encoding: chunked');
  const body = kind === 'invalid' ? '{}' : kind === 'livez' || kind === 'head' ? '' : BODY;
  if (isChunked) lines.push('Transfer-Encoding: chunked');
  else if (body !== '') lines.push(`Content-Length: ${body.length}`);
  const head = lines.map((line) => `${line}\r\n`).join('');
  const sent = isChunked ? chunksOf(body, flaw, chunkBytes, hidden) : body;
  const behind = flaw === 'more' ? '\r\nmore and more\r\n' : isBroken(flaw) ? hidden : '';
  return `${head}\r\n${sent}${behind}`;
}

/** What follows such a head is not to be believed. */
const isBroken = (flaw: Step['flaw']): boolean =>
  flaw === 'close' || flaw === 'twoLengths' || flaw === 'emptyEncoding' || flaw === 'bothLengths';

function requestLine(kind: Step['kind'], code: string): string {
  switch (kind) {
    case 'livez':
      return 'GET /livez HTTP/1.1';
    case 'head':
      return 'HEAD /livez HTTP/1.1';
    case 'unknown':
      return 'POST /nope HTTP/1.1';
    case 'redeem':
    case 'redeemChunked':
    case 'invalid':
      return `POST /api/v1/coupons/${code}/redeem HTTP/1.1`;
  }
}

function chunksOf(body: string, flaw: Step['flaw'], chunkBytes: number, hidden: string): string {
  const end = flaw === 'bareLineFeeds' ? '\n' : '\r\n';
  const extension = flaw === 'extension' ? ';a=b' : '';
  let text = '';
  for (let at = 0; at < body.length; at += chunkBytes) {
    const chunk = body.slice(at, at + chunkBytes);
    text += `${chunk.length.toString(16)}${extension}${end}${chunk}${end}`;
  }
  const trailer = flaw === 'trailer' ? 'X-T: 1\r\n' : flaw === 'trailerRequest' ? `X:${hidden}` : '';
  return `${text}0${end}${trailer}${end}`;
}

const plainRedeem = (token: string, code: string): string =>
  `POST /api/v1/coupons/${code}/redeem HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
