/**
 * What all that is measured must hold before its speed means anything: of 1,000 assigns at once on
 * 100 codes, 100 get one each, no two the same, and 900 get 404; of 500 redeems of one code at
 * once, one gets 200.
 */
import { codesIn } from './codes.js';
import { type Answer, createHttpClient, type HttpClient } from './http-client.js';
import type { Subject } from './subject.js';

const ASSIGNS = 1_000;
const CODES = 100;
const REDEEMS = 500;

/** Throws a line that says what did not hold. */
export async function checkRaces(subject: Subject): Promise<void> {
  const client = createHttpClient(subject.url, await subject.token(), ASSIGNS);
  try {
    await checkAssigns(subject, client);
    await checkRedeems(subject, client);
  } finally {
    client.close();
  }
}

async function checkAssigns(subject: Subject, client: HttpClient): Promise<void> {
  const couponBookId = await subject.newBook({ redeemableBy: 'assignee' });
  await subject.addCodes(couponBookId, { prefix: 'RACE1', first: 0, count: CODES });
  const answers = await atOnce(ASSIGNS, (i) =>
    client.call('POST', '/api/v1/coupons/assign', { couponBookId, userId: `racer-${i}` }),
  );
  const codes = answers.filter(({ status }) => status === 200).map(({ text }) => JSON.parse(text).code as string);
  const none = answers.filter(({ status }) => status === 404).length;
  const different = new Set(codes).size;
  if (codes.length !== CODES || different !== CODES || none !== ASSIGNS - CODES) {
    throw new Error(
      `${subject.name}: ${ASSIGNS} assigns of ${CODES} codes: ${codes.length} got one, ${different} of them different; ${none} got 404`,
    );
  }
}

async function checkRedeems(subject: Subject, client: HttpClient): Promise<void> {
  const bookId = await subject.newBook({ redeemableBy: 'bearer' });
  const range = { prefix: 'RACE2', first: 0, count: 1 };
  await subject.addCodes(bookId, range);
  const [code] = [...codesIn(range)].flat();
  const answers = await atOnce(REDEEMS, (i) =>
    client.call('POST', `/api/v1/coupons/${code}/redeem`, { userId: `racer-${i}` }),
  );
  const redeemed = answers.filter(({ status }) => status === 200).length;
  const broken = answers.filter(({ status }) => status >= 500).length;
  if (redeemed !== 1 || broken > 0) {
    throw new Error(
      `${subject.name}: ${REDEEMS} redeems of one code: ${redeemed} went through, ${broken} were not decided`,
    );
  }
}

function atOnce(count: number, one: (index: number) => Promise<Answer>): Promise<Answer[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => one(index)));
}
