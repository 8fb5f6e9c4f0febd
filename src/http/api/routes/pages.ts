/**
 * What people look at: the start page, the API page, the problems; and the files that these load.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { z } from 'zod';
import { prefersJson, takesGzip } from '../../exchange/accept.js';
import {
  API_PAGE_CSS,
  API_PAGE_HEADERS,
  API_PAGE_HTML,
  API_PAGE_JS,
  API_PAGE_SCRIPT_PATH,
  API_PAGE_STYLE_PATH,
  SCALAR_PATH,
} from '../api-page.js';
import * as documents from '../document-schemas.js';
import { homeJson, homePage } from '../home-page.js';
import { HTML, PAGE_CSS, PAGE_HEADERS, PAGE_STYLE_PATH } from '../page.js';
import { isProblemSlug } from '../problem.js';
import { problemIndex, problemPage } from '../problem-page.js';
import { type RouteSpec, route } from '../route.js';
import * as schemas from '../schemas.js';

const TAG = 'Pages';
const CSS = 'text/css; charset=utf-8';
const JAVASCRIPT = 'text/javascript; charset=utf-8';
const unzip = promisify(gunzip);

const home = route({
  id: 'home',
  method: 'GET',
  path: '/',
  tag: TAG,
  summary: 'Where everything is',
  description: 'A page, or JSON for a client whose `Accept` prefers it.',
  access: 'public',
  negotiates: true,
  answers: {
    200: {
      description: 'Links to the documentation and the health endpoints',
      schema: documents.textOut,
      type: 'text/html',
      others: { 'application/json': schemas.homeOut },
    },
  },
  problems: [],
  handle({ services, request, answer }) {
    const { version } = services;
    if (prefersJson(request.accept)) answer.json(200, homeJson(version), '\r\nVary: Accept');
    else answer.send(200, HTML, homePage(version), `${PAGE_HEADERS}\r\nVary: Accept`);
  },
});

const apiPage = route({
  id: 'apiPage',
  method: 'GET',
  path: '/api-docs',
  tag: TAG,
  summary: 'A page to read and try the API',
  access: 'public',
  answers: { 200: { description: 'A page', schema: documents.textOut, type: 'text/html' } },
  problems: [],
  handle: ({ answer }) => answer.send(200, HTML, API_PAGE_HTML, API_PAGE_HEADERS),
});

const problemList = route({
  id: 'problemIndex',
  method: 'GET',
  path: '/problems',
  tag: TAG,
  summary: 'All problems that the API can answer',
  access: 'public',
  answers: { 200: { description: 'A page', schema: documents.textOut, type: 'text/html' } },
  problems: [],
  handle: ({ answer }) => answer.send(200, HTML, problemIndex(), PAGE_HEADERS),
});

const problem = route({
  id: 'problemPage',
  method: 'GET',
  path: '/problems/{slug}',
  tag: TAG,
  summary: 'What a problem means, and what to do about it',
  access: 'public',
  params: { slug: z.string().max(64) },
  answers: { 200: { description: 'A page', schema: documents.textOut, type: 'text/html' } },
  problems: ['not-found'],
  handle({ request, answer }) {
    const slug = request.param(0);
    if (isProblemSlug(slug)) answer.send(200, HTML, problemPage(slug), PAGE_HEADERS);
    else answer.problem('not-found', 'There is no such problem.');
  },
});

const asset = (id: string, path: string, type: string, content: string): RouteSpec<unknown, unknown> =>
  route({
    id,
    method: 'GET',
    path,
    tag: TAG,
    summary: 'A file that a page loads',
    asset: true,
    access: 'public',
    answers: { 200: { description: 'The file', schema: documents.textOut, type: type.split(';')[0] ?? type } },
    problems: [],
    handle: ({ answer }) => answer.send(200, type, content, PAGE_HEADERS),
  });

const scalar = route({
  id: 'scalarScript',
  method: 'GET',
  path: SCALAR_PATH,
  tag: TAG,
  summary: 'The library of the API page',
  asset: true,
  access: 'public',
  negotiates: true,
  answers: { 200: { description: 'The file', schema: documents.textOut, type: 'text/javascript' } },
  problems: [],
  handle({ services, request, answer, work }) {
    const { scalar } = services;
    if (takesGzip(request.acceptEncoding)) {
      return answer.file(JAVASCRIPT, scalar, '\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding');
    }
    work.run(async () => answer.file(JAVASCRIPT, await unzip(scalar), '\r\nVary: Accept-Encoding'));
  },
});

export const pageRoutes: readonly RouteSpec<unknown, unknown>[] = [
  home,
  apiPage,
  problemList,
  problem,
  asset('pageStyle', PAGE_STYLE_PATH, CSS, PAGE_CSS),
  asset('apiPageScript', API_PAGE_SCRIPT_PATH, JAVASCRIPT, API_PAGE_JS),
  asset('apiPageStyle', API_PAGE_STYLE_PATH, CSS, API_PAGE_CSS),
  scalar,
];
