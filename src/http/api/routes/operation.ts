/** What operators and readers of the API need: docs/contract.md, section 9. */
import type { Verification } from '../../../engine/engine.js';
import * as documents from '../document-schemas.js';
import { type RouteSpec, route } from '../route.js';
import * as schemas from '../schemas.js';

const TAG = 'Operation';

const livez = route({
  id: 'livez',
  method: 'GET',
  path: '/livez',
  tag: TAG,
  summary: 'The process answers',
  access: 'public',
  answers: { 200: { description: 'It does', schema: schemas.aliveOut } },
  problems: [],
  handle: ({ answer }) => answer.json(200, '{"status":"alive"}'),
});

const readyz = route({
  id: 'readyz',
  method: 'GET',
  path: '/readyz',
  tag: TAG,
  summary: 'Whether all parts serve, and the state of each',
  access: 'public',
  answers: {
    200: { description: 'Ready', schema: schemas.readinessOut },
    503: { description: 'Not ready: recovering, shutting down, or a part is gone', schema: schemas.readinessOut },
  },
  problems: [],
  handle({ services, answer, work }) {
    work.run(async () => {
      const { ready, parts } = await services.control.readiness();
      const isDraining = services.isDraining();
      const told = isDraining ? { ...parts, http: { ok: false, detail: 'shutting down' } } : parts;
      answer.json(ready && !isDraining ? 200 : 503, JSON.stringify({ ready: ready && !isDraining, parts: told }));
    });
  },
});

const beginVerification = route({
  id: 'beginVerification',
  method: 'POST',
  path: '/api/v1/verifications',
  tag: TAG,
  summary: 'Compare memory, journal and PostgreSQL, shard by shard',
  description:
    'One at a time: while one is under way, it is the answer. It needs as much memory as the largest shard does.',
  access: ['admin'],
  answers: { 202: { description: 'It is under way', schema: schemas.verificationOut } },
  problems: [],
  handle({ services, answer, work }) {
    work.run(async () => answer.json(202, verificationJson(await services.control.verify())));
  },
});

const getVerification = route({
  id: 'getVerification',
  method: 'GET',
  path: '/api/v1/verifications/{id}',
  tag: TAG,
  summary: 'How far a verification is, and what it found',
  access: ['admin'],
  params: { id: schemas.verificationId },
  answers: { 200: { description: 'The verification', schema: schemas.verificationOut } },
  problems: ['not-found'],
  handle({ services, request, answer, work }) {
    work.run(async () => {
      const verification = await services.control.verification(request.param(0));
      if (verification === null) answer.problem('not-found', 'There is no such verification any more.');
      else answer.json(200, verificationJson(verification));
    });
  },
});

function verificationJson({ id, status, error, shardCount, verdicts }: Verification): string {
  const differs = verdicts.some(({ difference }) => difference !== null);
  const agrees = differs ? false : status === 'completed' ? true : null;
  return JSON.stringify({ id, status, error, agrees, shardCount, shards: verdicts });
}

const metrics = route({
  id: 'metrics',
  method: 'GET',
  path: '/metrics',
  tag: TAG,
  summary: 'Metrics for Prometheus',
  access: 'public',
  answers: { 200: { description: 'The metrics', schema: documents.textOut, type: 'text/plain' } },
  problems: [],
  handle({ services, answer, work }) {
    work.run(async () => {
      const text = await services.control.metrics();
      answer.send(200, 'text/plain; version=0.0.4; charset=utf-8', text, '');
    });
  },
});

const openApi = route({
  id: 'openApi',
  method: 'GET',
  path: '/openapi.json',
  tag: TAG,
  summary: 'This description, made from the schemas that validate',
  access: 'public',
  answers: { 200: { description: 'OpenAPI 3.1', schema: documents.openApiOut } },
  problems: [],
  handle: ({ services, answer }) => answer.json(200, services.openApi),
});

const asyncApi = route({
  id: 'asyncApi',
  method: 'GET',
  path: '/asyncapi.json',
  tag: TAG,
  summary: 'The description of live updates',
  access: 'public',
  answers: { 200: { description: 'AsyncAPI 3.0', schema: documents.openApiOut } },
  problems: [],
  handle: ({ services, answer }) => answer.json(200, services.asyncApi),
});

export const operationRoutes: readonly RouteSpec<unknown, unknown>[] = [
  livez,
  readyz,
  beginVerification,
  getVerification,
  metrics,
  openApi,
  asyncApi,
];
