import { VERIFICATION_ID } from '../../../records/story.js';
import type { ExampleTable } from './example.js';

const ok = { ok: true, detail: 'serving' };
const underWay = {
  id: VERIFICATION_ID,
  status: 'processing',
  error: null,
  agrees: null,
  shardCount: 16,
  shards: [],
};
const verdict = { shard: 0, seq: 1041, codes: 62_500, digest: '9f2c41d07be35a88', fromNothing: true, difference: null };

export const operationExamples: ExampleTable = {
  home: {
    answers: {
      200: {
        links: {
          summary: 'For programs',
          value: {
            name: 'Clipbook',
            version: '0.1.0',
            documentation: '/api-docs',
            description: '/openapi.json',
            events: '/asyncapi.json',
            problems: '/problems',
            alive: '/livez',
            ready: '/readyz',
            metrics: '/metrics',
          },
        },
      },
    },
  },
  livez: { answers: { 200: { alive: { summary: 'Alive', value: { status: 'alive' } } } } },
  readyz: {
    answers: {
      200: { ready: { summary: 'All parts serve', value: { ready: true, parts: { journal: ok, postgres: ok } } } },
      503: {
        away: {
          summary: 'PostgreSQL is away',
          value: { ready: false, parts: { journal: ok, postgres: { ok: false, detail: 'away for 12 s' } } },
        },
      },
    },
  },
  beginVerification: { answers: { 202: { begun: { summary: 'It has begun', value: underWay } } } },
  getVerification: {
    parameters: { id: VERIFICATION_ID },
    answers: {
      200: {
        processing: { summary: 'Under way', value: underWay },
        agrees: {
          summary: 'Memory, journal and PostgreSQL agree',
          value: { ...underWay, status: 'completed', agrees: true, shardCount: 1, shards: [verdict] },
        },
      },
    },
  },
  metrics: {
    answers: {
      200: {
        text: { summary: 'One of the metrics', value: '# TYPE clipbook_connections gauge\nclipbook_connections 12\n' },
      },
    },
  },
  asyncApi: {
    answers: {
      200: {
        beginning: {
          summary: 'How it begins',
          value: { asyncapi: '3.0.0', info: { title: 'Clipbook, live updates', version: '0.1.0' }, channels: {} },
        },
      },
    },
  },
  openApi: {
    answers: {
      200: {
        beginning: {
          summary: 'How it begins',
          value: { openapi: '3.1.0', info: { title: 'Clipbook', version: '0.1.0' }, paths: {} },
        },
      },
    },
  },
  problemPage: { parameters: { slug: 'locked-by-another' } },
};
