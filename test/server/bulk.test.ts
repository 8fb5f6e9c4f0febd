/**
 * Codes in bulk, through the real server: jobs, uploads that break, and processes that die in the
 * middle.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ADMIN, type Api, connect } from '../support/api.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

const WAIT_MS_MAX = 60_000;
const WEAK = 'W{RANDOM:12}';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: Server;
let api: Api;
let bookCount = 0;
/**
 * Of the admin: signing in for each upload would meet the limit of sign-ins, and needs the
 * database.
 */
let token: string;

before(async () => {
  directory = await temporaryDirectory();
  server = await startServer(join(directory.path, 'data'));
  api = await connect(server.url);
  token = (await api.call('POST', '/auth/token', ADMIN)).body.accessToken;
});

after(async () => {
  api.close();
  await server.stop();
  await directory.remove();
});

async function newBook(): Promise<string> {
  const { status, body } = await api.call('POST', '/coupon-books', { name: `bulk ${++bookCount}` });
  assert.equal(status, 201);
  return body.id;
}

async function totalOf(bookId: string): Promise<number> {
  return (await api.call('GET', `/coupon-books/${bookId}`)).body.counts.total;
}

async function until<T>(ask: () => Promise<T>, isSo: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const value = await ask();
    if (isSo(value)) return value;
    assert.ok(performance.now() < deadline, `still ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const jobOf = async (jobId: string) => (await api.call('GET', `/jobs/${jobId}`)).body;
const ended = (jobId: string) =>
  until(
    () => jobOf(jobId),
    (job) => job.status !== 'processing',
  );

async function restart(): Promise<void> {
  api.close();
  server = await startServer(join(directory.path, 'data'));
  api = await connect(server.url);
  token = (await api.call('POST', '/auth/token', ADMIN)).body.accessToken;
}

interface Upload {
  write(text: string): Promise<void>;
  end(): void;
  cut(): void;
  readonly answer: Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
}

function beginUpload(bookId: string): Upload {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'text/csv' };
  const sent = request(`${server.url}/api/v1/coupon-books/${bookId}/codes`, { method: 'POST', headers });
  const answer = new Promise<Awaited<Upload['answer']>>((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      response.on('error', reject);
    });
  });
  answer.catch(() => undefined);
  return {
    answer,
    write: (text) => new Promise((resolve) => sent.write(text, () => resolve())),
    end: () => sent.end(),
    cut: () => sent.destroy(),
  };
}

const lines = (prefix: string, from: number, to: number): string => {
  let text = '';
  for (let i = from; i < to; i++) text += `${prefix}${((i * 7919) % 10_000_019).toString().padStart(8, '0')}\n`;
  return text;
};

describe('a job that generates codes', () => {
  it('answers 202 with its address, and all codes can be assigned when it is completed', async () => {
    const bookId = await newBook();
    const asked = await api.call('POST', `/coupon-books/${bookId}/generate`, { quantity: 40_000 });
    assert.equal(asked.status, 202);
    assert.equal(asked.headers['location'], `/api/v1/jobs/${asked.body.jobId}`);
    const job = await ended(asked.body.jobId);
    assert.equal(job.status, 'completed');
    assert.equal(job.done, 40_000);
    assert.equal(job.result.generatedCodes, 40_000);
    assert.equal(job.result.totalCodes, 40_000);
    assert.equal(await totalOf(bookId), 40_000);
    const assigned = await api.call('POST', '/coupons/assign', { couponBookId: bookId, userId: 'u-1' });
    assert.match(assigned.body.code, /^[A-Z2-9]{4}(-[A-Z2-9]{4}){3}$/);
  });

  it('is the same job when its idempotency key comes again, and a key for another request is refused', async () => {
    const bookId = await newBook();
    const path = `/coupon-books/${bookId}/generate`;
    const key = { 'idempotency-key': 'one job' };
    const keyed = { 'idempotency-key': 'one-job' };
    assert.equal((await api.call('POST', path, { quantity: 12_000 }, key)).status, 400);
    const first = await api.call('POST', path, { quantity: 12_000 }, keyed);
    const again = await api.call('POST', path, { quantity: 12_000 }, keyed);
    assert.deepEqual([again.status, again.body], [202, first.body]);
    assert.equal(again.headers['idempotency-replayed'], 'true');
    assert.equal((await api.call('POST', path, { quantity: 13_000 }, keyed)).status, 422);
    await ended(first.body.jobId);
    assert.equal(await totalOf(bookId), 12_000);
  });

  it('leaves nothing when it is cancelled, and can not be cancelled once it is over', async () => {
    const bookId = await newBook();
    const asked = await api.call('POST', `/coupon-books/${bookId}/generate`, { quantity: 2_000_000 });
    await until(
      () => jobOf(asked.body.jobId),
      (job) => job.done > 0,
    );
    const cancelled = await api.call('DELETE', `/jobs/${asked.body.jobId}`);
    assert.deepEqual([cancelled.status, cancelled.body.status], [202, 'cancelled']);
    assert.equal(await totalOf(bookId), 0);
    const next = await api.call('POST', `/coupon-books/${bookId}/generate`, { quantity: 11_000 });
    assert.equal((await ended(next.body.jobId)).status, 'completed');
    assert.equal((await api.call('DELETE', `/jobs/${next.body.jobId}`)).status, 409);
    assert.equal(await totalOf(bookId), 11_000);
  });

  it('makes up for codes that another book has by accident', async () => {
    const [here, there] = [await newBook(), await newBook()];
    const pattern = 'X{NUMERIC:5}';
    const first = await api.call('POST', `/coupon-books/${there}/generate`, { quantity: 20_000, codePattern: pattern });
    await ended(first.body.jobId);
    const second = await api.call('POST', `/coupon-books/${here}/generate`, { quantity: 20_000, codePattern: pattern });
    const job = await ended(second.body.jobId);
    assert.equal(job.status, 'completed');
    assert.equal(await totalOf(here), 20_000);
  });

  it('is refused for a pattern with too few possibilities, and unknown jobs are not found', async () => {
    const bookId = await newBook();
    const asked = { quantity: 20_000, codePattern: 'Y{NUMERIC:4}' };
    const refused = await api.call('POST', `/coupon-books/${bookId}/generate`, asked);
    assert.equal(refused.status, 422);
    assert.match(refused.body.detail, /10000 .*20000/);
    assert.equal((await api.call('GET', '/jobs/01900000-0000-7000-8000-000000000000')).status, 404);
  });
});

describe('a streamed upload', () => {
  it('counts duplicates in the file and against other books, and reports invalid lines', async () => {
    const [other, bookId] = [await newBook(), await newBook()];
    const first = beginUpload(other);
    await first.write(lines('D', 0, 50_000));
    first.end();
    assert.equal((await first.answer).body['added'], 50_000);
    const second = beginUpload(bookId);
    await second.write(`code\n${lines('D', 49_000, 100_000)}`);
    await second.write(`no!\n${lines('D', 60_000, 61_000)}`);
    second.end();
    const { status, body } = await second.answer;
    assert.equal(status, 200);
    assert.deepEqual(
      { ...body, errors: (body['errors'] as { line: number }[]).map(({ line }) => line) },
      {
        received: 52_001,
        added: 50_000,
        duplicates: 2_000,
        invalid: 1,
        errors: [51_002],
        column: { number: 1, name: 'code' },
      },
    );
    assert.equal(await totalOf(bookId), 50_000);
  });

  it('that is cut at half leaves nothing, and its codes can come again', async () => {
    const bookId = await newBook();
    const cut = beginUpload(bookId);
    await cut.write(lines('H', 0, 150_000));
    cut.cut();
    const whole = beginUpload(bookId);
    await whole.write(lines('H', 0, 150_000));
    assert.equal(await totalOf(bookId), 0);
    whole.end();
    assert.deepEqual([(await whole.answer).body['added'], await totalOf(bookId)], [150_000, 150_000]);
  });

  it('leaves nothing when the database dies in the middle, and goes in when it is back', async () => {
    const bookId = await newBook();
    const broken = beginUpload(bookId);
    await broken.write(lines('P', 0, 150_000));
    const pidFile = join(directory.path, 'data', 'postgres', 'cluster', 'postmaster.pid');
    const pid = Number((await readFile(pidFile, 'utf8')).split('\n')[0]);
    process.kill(pid, 'SIGKILL');
    await broken.write(lines('P', 150_000, 300_000)).catch(() => undefined);
    broken.end();
    const answer = await broken.answer.catch(() => null);
    assert.ok(answer === null || answer.status === 503, `got ${answer?.status}`);
    assert.equal(await totalOf(bookId), 0);
    const added = await until(
      async () => {
        const again = beginUpload(bookId);
        await again.write(lines('P', 0, 150_000));
        again.end();
        return (await again.answer.catch(() => ({ body: {} as Record<string, unknown> }))).body['added'];
      },
      (count) => count !== undefined,
    );
    assert.equal(added, 150_000);
  });
});

describe('a server that is killed', () => {
  it('in the middle of an upload and of a job has nothing of the one and completes the other', async () => {
    const [uploaded, generated] = [await newBook(), await newBook()];
    const upload = beginUpload(uploaded);
    await upload.write(lines('K', 0, 150_000));
    const asked = await api.call('POST', `/coupon-books/${generated}/generate`, {
      quantity: 300_000,
      codePattern: WEAK,
    });
    await until(
      () => jobOf(asked.body.jobId),
      (job) => job.done > 50_000 || job.status !== 'processing',
    );
    await server.kill();
    await upload.answer.catch(() => undefined);
    await restart();
    assert.equal(await totalOf(uploaded), 0);
    const job = await ended(asked.body.jobId);
    assert.equal(job.status, 'completed');
    assert.equal(await totalOf(generated), 300_000);
    const again = beginUpload(uploaded);
    await again.write(lines('K', 0, 150_000));
    again.end();
    assert.equal((await again.answer).body['added'], 150_000);
  });
});
