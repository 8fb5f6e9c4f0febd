/** The body of an upload: its order, its backpressure, and its end. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { BodyBroken, createBodyStream } from '../../src/http/exchange/body-stream.js';

describe('a body stream', () => {
  const pressure: string[] = [];
  const stream = () =>
    createBodyStream({
      pause: () => pressure.push('pause'),
      resume: () => pressure.push('resume'),
      onProgress: () => undefined,
      nowMs: () => 0,
    });
  const bytes = (length: number): ArrayBuffer => new ArrayBuffer(length);

  it('passes on the chunks, then the end', async () => {
    const body = stream();
    body.push(bytes(3), false);
    body.push(bytes(0), true);
    assert.equal((await body.next())?.length, 3);
    assert.equal(await body.next(), null);
  });

  it('pauses when it holds a megabyte, and resumes below half of it', async () => {
    const body = stream();
    body.push(bytes(700_000), false);
    body.push(bytes(400_000), false);
    assert.deepEqual(pressure, ['pause']);
    for (let left = 1_100_000; left >= 512 * 1024; left -= (await body.next())?.length ?? 0) {
      assert.deepEqual(pressure, ['pause'], `${left} bytes are left`);
    }
    assert.deepEqual(pressure, ['pause', 'resume']);
  });

  it('passes on the bytes unchanged and in order, in buffers that are not reused', async () => {
    const body = stream();
    const given: Buffer[] = [];
    const taken: Buffer[] = [];
    const take = async (): Promise<void> => {
      const bytes = await body.next();
      assert.ok(bytes !== null && bytes.length <= 256 * 1024 && bytes.buffer.byteLength === bytes.length);
      taken.push(Buffer.from(bytes.buffer));
    };
    for (const [n, length] of [1, 262_143, 262_144, 262_145, 0, 3, 1_000_000, 524_288, 7].entries()) {
      const chunk = randomBytes(length);
      given.push(chunk);
      const pushed = Uint8Array.from(chunk).buffer;
      body.push(pushed, false);
      // It is valid during the call only.
      new Uint8Array(pushed).fill(0);
      if (n % 2 === 1) await take();
    }
    body.push(bytes(0), true);
    const total = given.reduce((sum, chunk) => sum + chunk.length, 0);
    while (taken.reduce((sum, chunk) => sum + chunk.length, 0) < total) await take();
    assert.equal(await body.next(), null);
    assert.ok(Buffer.concat(given).equals(Buffer.concat(taken)));
  });

  it('rejects pending and later reads when it breaks', async () => {
    const body = stream();
    const waiting = body.next();
    assert.ok(body.isStarving());
    body.break();
    await assert.rejects(waiting, BodyBroken);
    await assert.rejects(body.next(), BodyBroken);
  });

  it('that has ended does not break', async () => {
    const body = stream();
    body.push(bytes(1), true);
    body.break();
    assert.equal((await body.next())?.length, 1);
    assert.equal(await body.next(), null);
  });
});
