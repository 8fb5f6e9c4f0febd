/** nginx and HAProxy as they are configured in `deploy/`, on free ports, in front of a Clipbook. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type FrontName = 'nginx' | 'haproxy';
export const FRONT_NAMES: readonly FrontName[] = ['nginx', 'haproxy'];

export interface Front {
  readonly port: number;
  stop(): Promise<void>;
}

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));
const START_MS_MAX = 10_000;
/** Debian has both in a folder that is not on everybody's path. */
const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];

/** The program's path, or null. */
export function findFront(name: FrontName): string | null {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

export const howToGet = (name: FrontName): string =>
  `missing: ${name}. To get it: sudo apt-get install --yes ${name} (or brew install ${name})`;

/**
 * `clipbookPort`: where the front finds Clipbook. Rejects with what the front printed when it does
 * not start.
 */
export async function startFront(name: FrontName, program: string, clipbookPort: number): Promise<Front> {
  const directory = await mkdtemp(join(tmpdir(), `clipbook-${name}-`));
  const port = await freePort();
  const config = join(directory, 'config');
  await writeFile(config, await configOf(name, port, clipbookPort, directory));
  const args = name === 'nginx' ? ['-c', config, '-p', directory, '-e', 'stderr'] : ['-db', '-f', config];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
  }
  const killNow = (): void => void child.kill('SIGKILL');
  process.once('exit', killNow);
  const stop = async (): Promise<void> => {
    process.off('exit', killNow);
    await end(child);
    await rm(directory, { recursive: true, force: true });
  };
  const untilMs = performance.now() + START_MS_MAX;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > untilMs) {
      await stop();
      throw new Error(`${name} did not start:\n${printed}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { port, stop };
}

/** The file of `deploy/` with other ports, and with what makes it a whole configuration. */
async function configOf(name: FrontName, port: number, clipbookPort: number, directory: string): Promise<string> {
  const file = name === 'nginx' ? 'nginx.conf' : 'haproxy.cfg';
  const shipped = await readFile(join(DEPLOY, file), 'utf8');
  const own = shipped
    .replace('127.0.0.1:3000', `127.0.0.1:${clipbookPort}`)
    .replace('listen 8080;', `listen 127.0.0.1:${port};`)
    .replace('bind :8080', `bind 127.0.0.1:${port}`);
  if (name === 'haproxy') return own;
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((what) => `${what}_temp_path ${directory}/${what};`)
    .join('\n');
  return `daemon off;\npid ${directory}/pid;\nuser root;\nevents {}\nhttp {\naccess_log off;\n${folders}\n${own}\n}\n`;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.on('connect', () => answer(true));
    socket.on('error', () => answer(false));
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
