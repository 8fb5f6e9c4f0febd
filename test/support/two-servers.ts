/** Servers on stores that several of them are given. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Build } from '../../scripts/compile.js';
import { type TestServer, testServer } from '../postgres/server.js';
import { type Api, type Connection, connect } from './api.js';
import { testBuild } from './build.js';
import { launch, listening, type Started } from './process.js';

export interface Stage {
  readonly t: { after(undo: () => Promise<void>): void };
  readonly built: Build;
  /** Of a PostgreSQL that databases can be made on. */
  readonly postgresUrl: string;
}

/** Call at the top of a test file: a PostgreSQL and a build for the servers of its tests. */
export function testStage(): { readonly postgres: TestServer; stage(t: Stage['t']): Stage } {
  const postgres = testServer();
  const built = testBuild();
  return { postgres, stage: (t) => ({ t, built: built(), postgresUrl: postgres.postgres().url }) };
}

export type Environment = Readonly<Record<string, string>>;

/**
 * An empty database, as an operator makes one, or a copy of another one that nobody is connected
 * to.
 */
export async function createDatabase({ t, postgresUrl }: Stage, of?: string): Promise<{ url: string; sql: pg.Pool }> {
  const name = `stage_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client(postgresUrl);
  await admin.connect();
  if (of === undefined) await admin.query(`CREATE DATABASE ${name}`);
  else {
    const source = new URL(of).pathname.slice(1);
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [source]);
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${source}`);
  }
  await admin.end();
  const address = new URL(postgresUrl);
  address.pathname = `/${name}`;
  const sql = new pg.Pool({ connectionString: address.href });
  sql.on('error', () => undefined);
  t.after(async () => {
    if (!sql.ended) await sql.end();
  });
  return { url: address.href, sql };
}

export interface Serving extends Started {
  readonly url: string;
  readonly api: Connection;
}

const FEW_THREADS = { SHARDS: '4', SHARD_THREADS: '2' };

/** `through`: what starts it, in the place of Node alone. */
export function start({ built }: Pick<Stage, 'built'>, env: Environment, through: readonly string[] = []): Started {
  return launch(built, { env: { ...FEW_THREADS, ...env }, through });
}

export async function startServing(stage: Stage, env: Environment, through?: readonly string[]): Promise<Serving> {
  const started = start(stage, env, through);
  const { child } = started;
  // On stores elsewhere it has nothing open in its data directory, by which others are found.
  stage.t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) await started.ended('SIGKILL');
  });
  await listening(started);
  const url = /clipbook listening on (\S+)/.exec(started.output())?.[1] ?? '';
  const api = await connect(url);
  stage.t.after(async () => api.close());
  return { ...started, url, api };
}

/** The line and the exit code of a server that must not serve. */
export async function refusedStart(stage: Stage, env: Environment): Promise<{ code: number | null; line: string }> {
  const started = start(stage, env);
  const { code, lines } = await started.ended();
  assert.equal(lines.length, 1, started.output());
  return { code, line: lines[0] ?? '' };
}

export async function bookOf(api: Api, prefix: string, count: number): Promise<{ id: string; codes: string[] }> {
  const codes = Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
  const { status, body } = await api.call('POST', '/coupon-books', { name: prefix, initialCodes: codes });
  assert.equal(status, 201, JSON.stringify(body));
  return { id: body.id, codes };
}

export const assign = async (api: Api, code: string, userId: string): Promise<number> =>
  (await api.call('POST', `/coupons/assign/${code}`, { userId })).status;
