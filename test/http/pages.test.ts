/**
 * The pages in a real browser (chromium): they load, show everything, ask nobody else, and fit a
 * phone.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { PROBLEMS } from '../../src/http/api/problem.js';
import { ROUTES } from '../../src/http/api/routes/table.js';
import { readScalar, SCALAR_SHA256, SCALAR_VERSION } from '../../src/http/api/scalar.js';
import { ADMIN } from '../support/api.js';
import { chromium, faultsOf } from '../support/browser.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

const PHONE_WIDTH = 390;
const SCHEMES = ['light', 'dark'] as const;
const HTML_PATHS = ['/', '/problems', ...Object.keys(PROBLEMS).map((slug) => `/problems/${slug}`)];

let data: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: Server;
let browser: Browser;

before(async () => {
  data = await temporaryDirectory();
  [server, browser] = await Promise.all([startServer(join(data.path, 'data')), chromium()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await data.remove();
});

/**
 * Opens a page, does something with it, and fails if the page complained, broke or asked another
 * server.
 */
async function visit(
  path: string,
  { width = 1280, scheme = 'light' }: { width?: number; scheme?: (typeof SCHEMES)[number] },
  look: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme: scheme });
  const faults = faultsOf(context, server.url);
  try {
    const page = await context.newPage();
    const answer = await page.goto(server.url + path);
    assert.equal(answer?.status(), 200);
    await look(page);
    assert.deepEqual(faults, [], path);
  } finally {
    await context.close();
  }
}

const widthOf = (page: Page): Promise<number> => page.evaluate('document.documentElement.scrollWidth');

async function openApiPage(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1, name: 'Clipbook' }).waitFor();
}

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('Email').fill(ADMIN.email);
  await page.getByLabel('Password').fill(ADMIN.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText(`Signed in as ${ADMIN.email}`).waitFor();
}

/** In the window that "Test Request" opens. */
async function sendIt(page: Page): Promise<void> {
  await page
    .locator('button:visible', { hasText: /^\s*Send/ })
    .first()
    .click();
}

describe('the API page', () => {
  it('lists every operation', async () => {
    await visit('/api-docs', {}, async (page) => {
      await openApiPage(page);
      const closed = page.locator('aside button[aria-expanded="false"]');
      while ((await closed.count()) > 0) await closed.first().click();
      const ids = await page
        .locator('aside [data-sidebar-id]')
        .evaluateAll((items) => items.map((item) => item.getAttribute('data-sidebar-id') ?? ''));
      const shown = ids.flatMap((id) => /\/tag\/[^/]+\/([A-Z]+)(\/.*)$/.exec(id)?.slice(1).join(' ') ?? []);
      const served = ROUTES.filter(({ spec }) => spec.asset !== true).map(({ method, path }) => `${method} ${path}`);
      assert.deepEqual(shown.sort(), served.sort());
    });
  });

  it('signs in, and sends a request with the token', async () => {
    await visit('/api-docs#tag/users-and-tokens/GET/api/v1/auth/me', {}, async (page) => {
      await openApiPage(page);
      await signIn(page);
      await page.getByRole('button', { name: /Test Request.*get \/api\/v1\/auth\/me/s }).click();
      const answered = page.waitForResponse(`${server.url}/api/v1/auth/me`);
      await sendIt(page);
      const response = await answered;
      assert.equal(response.status(), 200);
      assert.equal(((await response.json()) as { email: string }).email, ADMIN.email);
      await page.getByText('200 OK').first().waitFor();
    });
  });

  it('sends the example of a body, and no key or id that the reader did not choose', async () => {
    await visit('/api-docs#tag/coupon-books/POST/api/v1/coupon-books', {}, async (page) => {
      await openApiPage(page);
      await signIn(page);
      await page.getByRole('button', { name: /Test Request.*post \/api\/v1\/coupon-books\)/s }).click();
      const answered = page.waitForResponse(`${server.url}/api/v1/coupon-books`);
      await sendIt(page);
      const response = await answered;
      assert.equal(response.status(), 201);
      const headers = response.request().headers();
      assert.deepEqual([headers['idempotency-key'], headers['x-request-id']], [undefined, undefined]);
    });
  });

  it('says why a sign-in failed', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${server.url}/api-docs`);
    await page.getByLabel('Email').fill(ADMIN.email);
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('#who', { hasText: 'password' }).waitFor();
    await context.close();
  });

  for (const scheme of SCHEMES) {
    it(`fits a phone, ${scheme}`, async () => {
      await visit('/api-docs', { width: PHONE_WIDTH, scheme }, async (page) => {
        await openApiPage(page);
        await page.locator(`body.${scheme}-mode`).waitFor();
        assert.equal(await widthOf(page), PHONE_WIDTH);
        const fields = [page.getByLabel('Email'), page.getByLabel('Password'), page.locator('#sign-in button')];
        const boxes = await Promise.all(fields.map((field) => field.boundingBox()));
        const middles = boxes.map((box) => Math.round((box?.y ?? 0) + (box?.height ?? 0) / 2));
        assert.deepEqual(middles, Array(3).fill(middles[0]), 'the fields and the button to sign in are in one row');
      });
    });
  }

  it('allows inline styles, and nothing else that is not from this server', async () => {
    const policy = (await fetch(`${server.url}/api-docs`)).headers.get('content-security-policy') ?? '';
    const rules = new Map(policy.split('; ').map((rule) => [rule.split(' ')[0] ?? '', rule.split(' ').slice(1)]));
    assert.deepEqual(rules.get('default-src'), ["'none'"]);
    assert.deepEqual(rules.get('script-src'), ["'self'"]);
    assert.deepEqual(rules.get('style-src'), ["'self'", "'unsafe-inline'"]);
    assert.deepEqual(rules.get('connect-src'), ["'self'"]);
    for (const path of HTML_PATHS) {
      const other = (await fetch(server.url + path)).headers.get('content-security-policy') ?? '';
      assert.match(other, /default-src 'none'; style-src 'self';/, path);
      assert.doesNotMatch(other, /unsafe|script-src/, path);
    }
  });

  it("has Scalar's script as it is in its package, and gives it to clients that do not unpack gzip", async () => {
    const script = gunzipSync(readScalar());
    assert.equal(createHash('sha256').update(script).digest('hex'), SCALAR_SHA256);
    const url = `${server.url}/assets/scalar-${SCALAR_VERSION}.js`;
    for (const [encoding, sent] of [
      ['gzip', 'gzip'],
      ['identity', null],
    ] as const) {
      const answer = await fetch(url, { headers: { 'accept-encoding': encoding } });
      assert.equal(answer.headers.get('content-encoding'), sent);
      assert.match(answer.headers.get('cache-control') ?? '', /immutable/);
      assert.ok(Buffer.from(await answer.arrayBuffer()).equals(script), encoding);
    }
  });
});

describe('the start page and the pages of the problems', () => {
  for (const scheme of SCHEMES) {
    it(`fit a phone, ${scheme}`, async () => {
      const context = await browser.newContext({ viewport: { width: PHONE_WIDTH, height: 844 }, colorScheme: scheme });
      const faults = faultsOf(context, server.url);
      const page = await context.newPage();
      for (const path of HTML_PATHS) {
        await page.goto(server.url + path);
        assert.equal(await widthOf(page), PHONE_WIDTH, path);
        const [back, text] = (await page.evaluate(
          '(({ backgroundColor, color }) => [backgroundColor, color])(getComputedStyle(document.body))',
        )) as [string, string];
        assert.ok(brightness(scheme === 'dark' ? text : back) > 200, `${path}: ${back}, ${text}`);
        assert.ok(brightness(scheme === 'dark' ? back : text) < 60, `${path}: ${back}, ${text}`);
      }
      assert.deepEqual(faults, []);
      await context.close();
    });
  }

  it('lead to pages that exist', async () => {
    const seen = new Set<string>();
    const waiting = ['/'];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      const answer = await fetch(server.url + path);
      assert.equal(answer.status, 200, path);
      if (!answer.headers.get('content-type')?.startsWith('text/html')) continue;
      for (const [, link] of (await answer.text()).matchAll(/(?:href|src)="(\/[^"]*)"/g)) waiting.push(link ?? '');
    }
    for (const path of [...HTML_PATHS, '/api-docs', '/openapi.json', '/livez', '/readyz'])
      assert.ok(seen.has(path), path);
  });

  it('say for each problem what it means, what to do, and how the answer looks', async () => {
    for (const [slug, { title, status }] of Object.entries(PROBLEMS)) {
      const text = await (await fetch(`${server.url}/problems/${slug}`)).text();
      for (const part of [title, `Status ${status}`, 'What it means', 'What to do', `/problems/${slug}`]) {
        assert.ok(text.includes(part), `${slug}: ${part}`);
      }
    }
    assert.equal((await fetch(`${server.url}/problems/no-such-problem`)).status, 404);
  });
});

const brightness = (color: string): number => {
  const [red = 0, green = 0, blue = 0] = (color.match(/\d+/g) ?? []).map(Number);
  return (red + green + blue) / 3;
};

describe('the start page', () => {
  it('is a page for people and JSON for clients that prefer it', async () => {
    for (const [accept, type] of [
      ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html'],
      ['*/*', 'text/html'],
      ['application/json', 'application/json'],
      ['application/json;q=0.9, text/html;q=0.5', 'application/json'],
      ['application/json;q=0, */*', 'text/html'],
    ] as const) {
      const answer = await fetch(server.url, { headers: { accept } });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('content-type')?.split(';')[0], type, accept);
      assert.equal(answer.headers.get('vary'), 'Accept');
      if (type === 'application/json') {
        const { documentation, ready } = (await answer.json()) as Record<string, string>;
        assert.deepEqual([documentation, ready], ['/api-docs', '/readyz']);
      }
    }
  });
});
