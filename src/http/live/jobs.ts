/** Progress of jobs that somebody watches: a hint whenever something has changed. */
import type { Control } from '../../engine/engine.js';
import { jobJson } from '../api/views.js';
import { isoTime } from '../fast/iso-time.js';
import { hintMessage } from './messages.js';

export interface JobFeed {
  watch(jobId: string): void;
  unwatch(jobId: string): void;
  /** To be called several times a second. */
  tick(): void;
}

interface JobFeedOptions {
  readonly control: Pick<Control, 'job'>;
  readonly nowMs: () => number;
  readonly onHint: (topic: string, message: string) => void;
}

const ASK_EVERY_MS = 500;

interface Watched {
  watchers: number;
  /** What was told last. */
  last: string;
}

export function createJobFeed({ control, nowMs, onHint }: JobFeedOptions): JobFeed {
  const jobs = new Map<string, Watched>();
  let isAsking = false;
  let askedMs = 0;

  async function ask(): Promise<void> {
    for (const [jobId, watched] of [...jobs]) {
      const job = await control.job(jobId).catch(() => null);
      if (job === null) continue;
      const data = jobJson(job);
      const text = JSON.stringify(data);
      if (text === watched.last) continue;
      watched.last = text;
      onHint(`job:${jobId}`, hintMessage(`job:${jobId}`, 'job.progress', isoTime(nowMs()), data));
    }
  }

  return {
    watch(jobId) {
      const watched = jobs.get(jobId);
      // The new one is told how far it is, and the others again.
      if (watched === undefined) jobs.set(jobId, { watchers: 1, last: '' });
      else Object.assign(watched, { watchers: watched.watchers + 1, last: '' });
    },
    unwatch(jobId) {
      const watched = jobs.get(jobId);
      if (watched !== undefined && --watched.watchers === 0) jobs.delete(jobId);
    },
    tick() {
      if (jobs.size === 0 || isAsking || nowMs() - askedMs < ASK_EVERY_MS) return;
      askedMs = nowMs();
      isAsking = true;
      void ask().finally(() => {
        isAsking = false;
      });
    },
  };
}
