/**
 * Sends oddities through a front, one after the other, and compares what is answered with what is
 * done.
 */
import { type FrontName, findFront, startFront } from './front-servers.js';
import { contradiction, isRedeemed } from './judge.js';
import { ODDITIES } from './oddities.js';
import type { Oddity } from './oddity.js';
import type { Stage } from './stage.js';
import { openTap } from './tap.js';

export interface FrontRow {
  readonly what: string;
  readonly arrived: string;
  readonly answered: string;
  /** Null: answers and effects agree, and nothing got 502. */
  readonly fault: string | null;
}

export interface FrontReport {
  readonly rows: readonly FrontRow[];
  /** HEAD and then a redemption, many times. */
  readonly headRuns: number;
  readonly headConnections: number;
}

const HEAD_RUNS = 30;
/** Ways to end a connection that a front answers with an error of its own. */
const HEAD_THEN_POST = 'HEAD, and then a redemption';

export async function runFront(
  stage: Stage,
  name: FrontName,
  wanted: (oddity: Oddity) => boolean,
): Promise<FrontReport> {
  const program = findFront(name);
  if (program === null) throw new Error(`there is no ${name}`);
  const tap = await openTap(stage.port);
  const front = await startFront(name, program, tap.port);
  try {
    const rows: FrontRow[] = [];
    for (const oddity of ODDITIES.filter(wanted)) rows.push(await runOddity(stage, front.port, tap.take, oddity));
    const head = ODDITIES.find(({ what }) => what === HEAD_THEN_POST);
    if (head === undefined) throw new Error('the table has no HEAD');
    const before = tap.connections();
    for (let i = 0; i < HEAD_RUNS; i++) {
      const row = await runOddity(stage, front.port, tap.take, head);
      if (row.fault !== null || row.answered !== '200 200') rows.push({ ...row, what: `${row.what}, time ${i + 1}` });
    }
    return { rows, headRuns: HEAD_RUNS, headConnections: tap.connections() - before };
  } finally {
    await front.stop();
    tap.close();
  }
}

async function runOddity(stage: Stage, port: number, arrived: () => string, oddity: Oddity): Promise<FrontRow> {
  arrived();
  const names = await stage.names();
  const { answers, end } = await stage.run(oddity.script(names), port);
  const statuses = answers.map(({ status }) => status);
  const fault =
    contradiction(oddity.code, answers, await isRedeemed(stage.api, names.code)) ??
    contradiction(oddity.other ?? 'hidden', answers, await isRedeemed(stage.api, names.other)) ??
    (statuses.includes(502) ? 'the front answered 502' : null);
  const ended = end === 'open' ? '' : ', closed';
  return { what: oddity.what, arrived: arrived(), answered: `${statuses.join(' ') || 'nothing'}${ended}`, fault };
}
