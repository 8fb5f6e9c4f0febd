/** Machine, versions and commit of a measurement: a figure without them means nothing. */
import { spawnSync } from 'node:child_process';
import * as os from 'node:os';
import { ROOT } from './child.js';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** Short; with a `+` when the working tree had changes. */
  readonly commit: string;
  readonly at: string;
}

export function describeMachine(): Machine {
  const commit = git('rev-parse', '--short', 'HEAD');
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    commit: git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}+`,
    at: new Date().toISOString(),
  };
}

export function machineLine({ cpu, cores, memoryGiB, kernel, node, commit }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, Node ${node}, commit ${commit}`;
}

function git(...args: string[]): string {
  const { stdout } = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
  return (stdout ?? '').trim() || (args[0] === 'rev-parse' ? 'unknown' : '');
}
