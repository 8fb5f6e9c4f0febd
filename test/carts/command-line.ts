/** What `npm run carts` and `npm run campaigns` share: options, and what they say at the end. */
import { parseArgs } from 'node:util';
import { fromCommandLine, wholeNumber } from '../../scripts/command-line.js';
import { startBuilt } from '../support/build.js';
import { type Environment, temporaryDirectory } from '../support/server.js';

export interface CrowdReport {
  readonly reserved: number;
  readonly refused: number;
  readonly committed: number;
  /** They came back when their reservation had ended. */
  readonly late: number;
  readonly samples: number;
  /** Used and held, at most. */
  readonly mostUses: number;
  readonly mostMoney: number;
  readonly faults: readonly string[];
}

interface Limits {
  readonly dataDir: string;
  readonly env: Environment;
  /** How many come: the option that the run itself has. */
  readonly count: number;
  readonly cap: number;
  readonly budget: number;
  readonly kills: number;
  readonly callers: number;
  readonly say: (line: string) => void;
}

/** Of a cart, on average. */
const CENTS = 550;

/** `counted`: the name and the default of the option that says how many come. */
export async function runCrowd(
  usage: string,
  counted: { readonly option: string; readonly usual: number },
  run: (limits: Limits) => Promise<CrowdReport>,
): Promise<void> {
  const options = fromCommandLine(usage, () => readValues(counted));
  startBuilt();
  const directory = await temporaryDirectory();
  try {
    const say = (line: string): void => void process.stdout.write(`${line}\n`);
    const report = await run({
      dataDir: directory.path,
      env: process.env['REDIS_URL'] === undefined ? {} : { REDIS_URL: process.env['REDIS_URL'] },
      ...options,
      budget: options.cap * CENTS + 1,
      callers: 64,
      say,
    });
    const { reserved, refused, committed, late, samples, mostUses, mostMoney, faults } = report;
    say(
      `${reserved} reserved, ${refused} refused, ${committed} committed, ${late} came back late; ` +
        `${samples} samples: at most ${mostUses} uses and ${mostMoney} cents used or held; ${faults.length} faults`,
    );
    for (const line of faults.slice(0, 20)) say(line);
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    await directory.remove();
  }
}

function readValues({ option, usual }: { readonly option: string; readonly usual: number }) {
  const { values } = parseArgs({
    options: {
      [option]: { type: 'string', default: String(usual) },
      cap: { type: 'string', default: '500' },
      kills: { type: 'string', default: '2' },
    },
  });
  const read = (name: string): number => wholeNumber(`--${name}`, String(values[name]));
  return { count: read(option), cap: read('cap'), kills: read('kills') };
}
