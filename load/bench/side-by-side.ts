/** All subjects in turn, several rounds of it, and what came out. */
import { describeMachine } from './machine.js';
import type { BenchOptions } from './options.js';
import { checkRaces } from './race-check.js';
import { reportBlocks, type SideBySide } from './report.js';
import { overConnections } from './report-plots.js';
import type { Findings } from './results.js';
import { folderOf, startSubject } from './subjects.js';
import { prepareTurns, takeTurns } from './turns.js';
import { createWorkload, type Workload } from './workload.js';

/** All servers stand at once and take turns: one is loaded, the others are idle. */
export async function runSideBySide(
  options: BenchOptions,
  directory: string,
  say: (line: string) => void,
): Promise<Findings> {
  const { only, seconds, rounds } = options;
  const machine = describeMachine();
  const workloads: Workload[] = [];
  try {
    for (const name of only) {
      const folder = folderOf(directory, name);
      const subject = await startSubject(name, folder, say);
      if (subject === null) continue;
      workloads.push(await createWorkload(subject, folder));
      // The yardstick decides nothing.
      if (name !== 'bare') await checkRaces(subject);
      say(`${name} stands`);
    }
    await prepareTurns(workloads, options, say);
    const cells = await takeTurns(workloads, options, say);
    const figures: SideBySide = { machine, seconds, rounds, cells };
    return {
      name: 'bench',
      isSound: cells.every(({ valid }) => valid),
      figures,
      blocks: reportBlocks(figures),
      plots: overConnections(cells),
    };
  } finally {
    for (const { subject } of workloads) await subject.stop();
  }
}
