/**
 * How connections go on, and end, after an answer; and that nothing is done for a caller who gets
 * none.
 */
import assert from 'node:assert/strict';
import { Agent, type IncomingMessage, request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlError } from '../../src/engine/engine.js';
import { ADMIN } from './memory-parts.js';
import { eventually, type Served, serve } from './serve.js';

let served: Served;
let authorization = '';
let codesPath = '';

before(async () => {
  served = await serve();
  authorization = `Bearer ${await served.tokenOf(ADMIN)}`;
  const made = await served.call('POST', '/api/v1/coupon-books', {
    as: ADMIN,
    body: { name: 'Book', initialCodes: ['one', 'two'] },
  });
  codesPath = `/api/v1/coupon-books/${String(made.json['id'])}/codes`;
});
after(() => served.stop());

const post = (path: string, headers: readonly string[], body: string): string =>
  [`POST ${path} HTTP/1.1`, 'Host: h', `Authorization: ${authorization}`, ...headers, '', body].join('\r\n');
const json = (path: string, body: string): string =>
  post(path, ['Content-Type: application/json', `Content-Length: ${body.length}`], body);

interface Told {
  readonly status: number;
  readonly isReused: boolean;
  readonly headers: IncomingMessage['headers'];
}

function ask(agent: Agent, method: string, path: string, type = '', body = ''): Promise<Told> {
  return new Promise((resolve, reject) => {
    const headers = { authorization, ...(type === '' ? {} : { 'content-type': type }) };
    const asked = request({ port: served.server.port, method, path, agent, headers }, (response) => {
      response.resume();
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, isReused: asked.reusedSocket, headers: response.headers });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

describe('a connection goes on', () => {
  it('after HEAD, with the length that GET has', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const get = await ask(agent, 'GET', '/livez');
    for (let i = 0; i < 3; i++) {
      const head = await ask(agent, 'HEAD', '/livez');
      assert.equal(head.status, 200);
      assert.equal(head.isReused, true);
      assert.equal(head.headers['content-length'], get.headers['content-length']);
    }
    assert.equal((await ask(agent, 'GET', '/livez')).isReused, true);
    agent.destroy();
  });

  it('after an upload that was paused', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const body = `code\n${'ABCDEFGH\n'.repeat(500_000)}`;
    for (let i = 0; i < 3; i++) {
      const uploaded = await ask(agent, 'POST', codesPath, 'text/csv', body);
      assert.equal(uploaded.status, 200);
      assert.equal(uploaded.isReused, i > 0);
      assert.equal((await ask(agent, 'GET', '/livez')).isReused, true);
    }
    agent.destroy();
  });

  it('after 204, which has no Content-Length', async () => {
    const made = await served.call('POST', '/api/v1/coupon-books', { as: ADMIN, body: { name: 'Gone' } });
    const path = `/api/v1/coupon-books/${String(made.json['id'])}`;
    const line = `DELETE ${path} HTTP/1.1\r\nHost: h\r\nAuthorization: ${authorization}`;
    const open = await served.raw(`${line}\r\n\r\n`, '\r\n\r\n');
    assert.match(open, /^HTTP\/1\.1 204/);
    assert.doesNotMatch(open, /content-length|connection/i);
    const last = await served.raw(`${line}\r\nConnection: close\r\n\r\n`);
    assert.match(last, /^HTTP\/1\.1 204/);
    assert.match(last, /Connection: close/);
    assert.doesNotMatch(last, /content-length/i);
  });
});

describe('an upload', () => {
  const head = (): string => post(codesPath, ['Content-Type: text/csv', 'Content-Length: 110000'], '');

  it('at 8 kB a second is served, for longer than the library allows', { timeout: 60_000 }, async () => {
    const socket = await served.open();
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk.toString();
    });
    socket.write(head());
    const beganMs = performance.now();
    for (let sent = 0; sent < 110_000; sent += 1000) {
      socket.write('ABCDEFGHI\n'.repeat(100));
      await sleep(120);
    }
    assert.ok(performance.now() - beganMs > 12_000);
    await eventually(() => got.includes('\r\n\r\n'), 'the answer');
    assert.match(got, /^HTTP\/1\.1 200/);
    socket.destroy();
  });

  it('slower than 1 kB a second gets 408 as a problem', { timeout: 60_000 }, async () => {
    const socket = await served.open();
    let got = '';
    socket.on('data', (chunk) => {
      got += chunk.toString();
    });
    socket.write(head());
    for (let i = 0; i < 60 && got === ''; i++) {
      socket.write('ABCDEFGHI\n'.repeat(10));
      await sleep(200);
    }
    await eventually(() => got.includes('request-timeout'), 'the answer');
    assert.match(got, /^HTTP\/1\.1 408/);
    assert.match(got, /Connection: close/);
    socket.destroy();
  });

  it('that is refused in its middle gets the answer, though the client goes on sending', async () => {
    const path = codesPath.replace(/[0-9a-f]{12}\/codes$/, 'ffffffffffff/codes');
    const part = 'ABCDEFGHI\n'.repeat(100_000);
    const begin = post(path, ['Content-Type: text/csv', 'Transfer-Encoding: chunked'], '');
    for (let i = 0; i < 5; i++) {
      const chunk = `${part.length.toString(16)}\r\n${part}\r\n`;
      const answer = await served.raw([begin, chunk, chunk, chunk, chunk, chunk, '0\r\n\r\n']);
      assert.match(answer, /^HTTP\/1\.1 404/);
      assert.match(answer, /Connection: close/);
    }
  });
});

describe('nothing is done for a caller who gets no answer', () => {
  it('when what follows an account in its segment ends the connection', async () => {
    const body = '{"email":"new@shop.com","password":"Password1","role":"user"}';
    await served.raw(`${json('/api/v1/users', body)}more and more\r\n\r\n`);
    assert.equal((await served.call('POST', '/api/v1/users', { as: ADMIN, body })).status, 201);
  });

  it('when the connection breaks between the upload and its commit', async () => {
    const { engine, control } = served;
    const [commands, discarded] = [engine.commands.length, control.discarded.length];
    const { uploadEnd } = control;
    let isEnding = false;
    let goOn = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    control.uploadEnd = async (...ended) => {
      isEnding = true;
      await gate;
      return uploadEnd(...ended);
    };
    const socket = await served.open();
    socket.write(post(codesPath, ['Content-Type: text/csv', 'Content-Length: 9'], 'code\nAAA\n'));
    await eventually(() => isEnding, 'the end of the upload');
    const aborted = socket.destroy();
    await eventually(() => aborted.closed, 'the close');
    await served.call('GET', '/livez');
    goOn();
    control.uploadEnd = uploadEnd;
    await eventually(() => control.discarded.length === discarded + 1, 'the batch is given up');
    assert.equal(engine.commands.length, commands);
  });
});

describe('a change whose outcome is not known', () => {
  it('is answered as unknown when making an account takes too long', { timeout: 15_000 }, async () => {
    const { control } = served;
    const { createUser } = control;
    control.createUser = () => new Promise(() => undefined);
    const body = { email: 'slow@shop.com', password: 'Password1', role: 'user' };
    const answer = await served.call('POST', '/api/v1/users', { as: ADMIN, body });
    control.createUser = createUser;
    assert.equal(answer.json['type'], '/problems/outcome-unknown');
  });

  it('is answered as unknown when the connection to the database breaks while an account is made', async () => {
    served.control.fail = new ControlError('outcomeUnknown', 'The connection to the database broke.');
    const body = { email: 'broken@shop.com', password: 'Password1', role: 'user' };
    const answer = await served.call('POST', '/api/v1/users', { as: ADMIN, body });
    assert.equal(answer.status, 503);
    assert.equal(answer.json['type'], '/problems/outcome-unknown');
    assert.equal(answer.headers.get('retry-after'), '1');
  });

  it('is answered as unknown when the server stops first', async () => {
    const own = await serve({ drainMs: 50 });
    own.engine.holding = true;
    const body = { name: 'Book' };
    const pending = own.call('POST', '/api/v1/coupon-books', { as: ADMIN, body });
    await eventually(() => own.engine.commands.length === 1, 'the command');
    const [answer] = await Promise.all([pending, own.server.close()]);
    assert.equal(answer.json['type'], '/problems/outcome-unknown');
    assert.equal(answer.headers.get('connection'), 'close');
    own.engine.release();
  });
});
