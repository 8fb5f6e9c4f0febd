/**
 * Walks through docs/production.md up to the first redemption, in a folder, with the source as it
 * is here.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { blocksOf, movedTo, type Ports, wholeScript } from './walk.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const PAGE = 'docs/production.md';
export const PASSWORD = 'correct horse battery';

/** The page waits for a server without end, as a person would. */
const IN_FOLDER_MS_MAX = 240_000;

export interface Walked {
  readonly code: number | null;
  /** What it printed, on both streams. */
  readonly output: string;
}

/** Nothing of it is left when it resolves. */
export async function walkInFolder(ports: Ports, onOutput: (text: string) => void): Promise<Walked> {
  const root = mkdtempSync(join(tmpdir(), 'clipbook-walk-'));
  // Other users run parts of it: PostgreSQL, and nginx's workers.
  spawnSync('chmod', ['755', root]);
  const move = (text: string): string => movedTo(root, ports, text);
  for (const path of ['bin', 'etc/systemd/system', 'etc/nginx/conf.d', 'usr/local/bin', 'var/lib', 'opt', 'state'])
    mkdirSync(join(root, path), { recursive: true });
  writeCommands(root, move);
  const blocks = blocksOf(readFileSync(join(ROOT, PAGE), 'utf8')).filter(({ isShort }) => isShort);
  writeFileSync(join(root, 'walk.sh'), move(wholeScript(blocks)));
  const env = {
    ...process.env,
    PATH: [join(root, 'bin'), join(root, 'usr/local/bin'), dirname(process.execPath), process.env['PATH']].join(':'),
    WALK_STATE: join(root, 'state'),
    WALK_ROOT: root,
    WALK_UNITS: join(root, 'etc/systemd/system'),
    REPOSITORY: ROOT,
    CLIPBOOK_PASSWORD: PASSWORD,
  };
  try {
    return await run('bash', [join(root, 'walk.sh')], env, onOutput, IN_FOLDER_MS_MAX);
  } finally {
    for (const unit of ['nginx', 'clipbook']) spawnSync('systemctl', ['stop', unit], { env, stdio: 'ignore' });
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Commands that would change the machine, and what they do in a folder. */
function writeCommands(root: string, move: (text: string) => string): void {
  const command = (name: string, text: string): void =>
    writeFileSync(join(root, 'bin', name), `#!/usr/bin/env bash\nset -euo pipefail\n${text}\n`, { mode: 0o755 });
  command('apt-get', ':');
  command('useradd', ':');
  // The user that a file would belong to is not there.
  command(
    'install',
    `args=()
while [ $# -gt 0 ]; do case $1 in -o | -g) shift 2 ;; *) args+=("$1"); shift ;; esac; done
exec "${pathOf('install')}" "\${args[@]}"`,
  );
  // The source as it is, with what this checkout has installed.
  command('git', ':');
  command(
    'npm',
    `if [ "$1" = run ]; then exec "${process.execPath}" node_modules/typescript/bin/tsc -p tsconfig.build.json --noCheck; fi`,
  );
  command('nginx', `exec "${pathOf('nginx')}" -e "${root}/nginx.log" -c "${root}/nginx.conf" "$@"`);
  writeFileSync(
    join(root, 'nginx.conf'),
    `pid ${root}/nginx.pid;
${process.getuid?.() === 0 ? 'user root;' : ''}
events {}
http {
  access_log off;
  client_body_temp_path ${root}/state/body;
  proxy_temp_path ${root}/state/proxy;
  fastcgi_temp_path ${root}/state/fastcgi;
  uwsgi_temp_path ${root}/state/uwsgi;
  scgi_temp_path ${root}/state/scgi;
  include ${root}/etc/nginx/conf.d/*.conf;
}
`,
  );
  cpSync(join(ROOT, 'scripts/walk/systemctl'), join(root, 'bin/systemctl'));
  const clone = join(root, 'opt/clipbook');
  for (const path of [
    'src',
    'bin',
    'workers',
    'scripts',
    'load',
    'sql',
    'web',
    'deploy',
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
  ])
    cpSync(join(ROOT, path), join(clone, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
  for (const entry of readdirSync(join(clone, 'deploy'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    const text = move(readFileSync(path, 'utf8')).replace('/usr/bin/node', process.execPath);
    writeFileSync(path, text);
  }
}

function pathOf(program: string): string {
  const folders = (process.env['PATH'] ?? '').split(':');
  const folder = folders.find((each) => existsSync(join(each, program)));
  if (folder === undefined) throw new Error(`${program} is not installed`);
  return join(folder, program);
}

export function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onOutput: (text: string) => void,
  msMax?: number,
): Promise<Walked> {
  const child = spawn(program, args, {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
    killSignal: 'SIGKILL',
    ...(msMax === undefined ? {} : { timeout: msMax }),
  });
  // `unshare` ends what it started only when it is killed.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill('SIGKILL'));
  // Every question of the page is for this password.
  child.stdin.on('error', () => undefined);
  child.stdin.write(`${PASSWORD}\n`.repeat(1000));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      onOutput(chunk.toString());
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve({ code, output }));
  });
}
