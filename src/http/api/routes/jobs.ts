/** Jobs: work that takes longer than a request should. See docs/contract.md, section 4. */
import type { Job } from '../../../engine/engine.js';
import type { AnswerWriter } from '../../exchange/answer-writer.js';
import { UNAVAILABLE_DETAIL } from '../refusal-problem.js';
import { ADMIN_OR_SERVICE, type RouteSpec, route } from '../route.js';
import * as schemas from '../schemas.js';
import { jobJson } from '../views.js';

const TAG = 'Jobs';
/** A COPY that is ending has to be waited for, and its rows removed. */
const CANCEL_MS = 120_000;

const getJob = route({
  id: 'getJob',
  method: 'GET',
  path: '/api/v1/jobs/{id}',
  tag: TAG,
  summary: 'How far a job is, and what became of it',
  access: ADMIN_OR_SERVICE,
  params: { id: schemas.jobId },
  answers: { 200: { description: 'The job', schema: schemas.jobOut } },
  problems: ['not-found'],
  handle({ services, request, answer, work }) {
    work.run(async () => showJob(answer, await services.control.job(request.param(0)), 200));
  },
});

const cancelJob = route({
  id: 'cancelJob',
  method: 'DELETE',
  path: '/api/v1/jobs/{id}',
  tag: TAG,
  summary: 'Cancel a job',
  description:
    'Answered when nothing of it is left: no code, and what it had reserved is free again. Cancelling again changes nothing.',
  access: ADMIN_OR_SERVICE,
  params: { id: schemas.jobId },
  deadlineMs: CANCEL_MS,
  answers: { 202: { description: 'It is cancelled', schema: schemas.jobOut } },
  problems: ['not-found', 'job-over', 'draining', 'outcome-unknown'],
  handle({ services, request, answer, work }) {
    work.run(async () => {
      work.beginChange();
      const job = await services.control.cancelJob(request.param(0));
      if (job === null || job.status === 'cancelled') return showJob(answer, job, 202);
      if (job.status !== 'processing') return answer.problem('job-over', `The job is ${job.status}.`);
      // This process ended first, or does not have the job yet. The next one takes it up, and may
      // be asked then.
      answer.retryLater('draining', UNAVAILABLE_DETAIL.draining, 1000);
    });
  },
});

function showJob(answer: AnswerWriter, job: Job | null, answerStatus: 200 | 202): void {
  if (job === null) {
    answer.problem('not-found', 'There is no such job.');
    return;
  }
  answer.json(answerStatus, JSON.stringify(jobJson(job)));
}

export const jobRoutes: readonly RouteSpec<unknown, unknown>[] = [getJob, cancelJob];
