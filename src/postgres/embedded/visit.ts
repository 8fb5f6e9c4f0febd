/**
 * The embedded PostgreSQL for a moment, whether a server runs or not: another process talks to the
 * one that a running server has, and starts one where there is none.
 *
 *     living owner? ── yes ─▶ connect by its postmaster.pid and password ── works ─▶ visit, leave it running
 *          │ no                       │ fails: it is starting or stopping ─▶ look again
 *          └─▶ startEmbedded ─▶ visit ─▶ stop
 *
 * A server that starts during a visit of the second kind is refused, as by another server; so
 * visits are short.
 *
 * As root on a DATA_DIR of another user, what a visit makes belongs to that user, who could not
 * start a server on it otherwise.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { connect } from '../connection.js';
import { type EmbeddedOptions, startEmbedded } from './embedded.js';
import { ownerOf } from './postmaster.js';
import { codeOf, readText } from './read-text.js';

export interface Visit {
  readonly url: string;
  /** It was started for this visit: no server uses it. */
  readonly isOurs: boolean;
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 100;
const LOOK_MS_MAX = 30_000;

/** Rejects with one readable line. */
export async function visitEmbedded(options: EmbeddedOptions): Promise<Visit> {
  const home = path.resolve(options.dataDir);
  const deadline = Date.now() + LOOK_MS_MAX;
  for (;;) {
    const owner = ownerOf(home);
    if (owner === null) {
      const visit = await start(home, options);
      if (visit !== null) return visit;
    } else {
      const url = urlOfRunning(home);
      if (url !== null && (await answers(url))) return { url, isOurs: false, close: async () => undefined };
    }
    if (Date.now() > deadline) throw new Error(`the PostgreSQL of process ${owner} in ${home} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** Null when another process was faster. */
async function start(home: string, options: EmbeddedOptions): Promise<Visit | null> {
  const giveAway = heir(home);
  try {
    const { url, stop } = await startEmbedded({ ...options, dataDir: home });
    giveAway();
    return { url, isOurs: true, close: stop };
  } catch (error) {
    const owner = ownerOf(home);
    if (owner === null || owner === process.pid) throw error;
    return null;
  }
}

/** Null while it is starting. */
function urlOfRunning(home: string): string | null {
  try {
    const password = readText(path.join(home, 'password'))?.trim();
    const port = Number(readText(path.join(home, 'cluster', 'postmaster.pid'))?.split('\n')[3]);
    return password === undefined || !(port > 0) ? null : `postgres://clipbook:${password}@127.0.0.1:${port}/clipbook`;
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error;
    throw new Error(`${home} can not be read; run this as the user that runs the server, or as root`);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const client = await connect(url);
    await client.end();
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes `home` where it is missing, and returns what hands the rest over to the user whose
 * directory it is in.
 */
function heir(home: string): () => void {
  const nothing = (): void => undefined;
  if (process.getuid?.() !== 0) return nothing;
  fs.mkdirSync(path.dirname(home), { recursive: true });
  const { uid, gid } = fs.statSync(path.dirname(home));
  if (uid === 0) return nothing;
  if (!fs.existsSync(home)) {
    fs.mkdirSync(home, { mode: 0o700 });
    fs.chownSync(home, uid, gid);
  }
  if (fs.statSync(home).uid !== uid) return nothing;
  return () => {
    for (const name of ['owner', 'password']) fs.chownSync(path.join(home, name), uid, gid);
  };
}
