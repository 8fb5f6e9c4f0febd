/**
 * `npm run production:walk`: runs every command of docs/production.md, in its order, on an empty
 * Debian 13 that debootstrap makes in a folder, with the commit that is checked out here. It needs
 * root, debootstrap and a network.
 *
 *     npm run production:walk                          all of it, in a new Debian 13
 *     npm run production:walk -- --debian <folder>     in the one that is there; it stays
 *     npm run production:walk -- --keep                leaves the Debian behind and says where
 *     npm run production:walk -- --short               to the first redemption, as the tests do
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../src/compose/port-check.js';
import { fromCommandLine } from './command-line.js';
import { PAGE, PASSWORD, ROOT, run, walkInFolder } from './walk/in-folder.js';
import { blocksOf, type Ports, portsMoved, wholeScript } from './walk/walk.js';

/** What the page's files say of ports is moved as soon as they are there. */
const SETUP = `
git() { command git "$@"; if [ "$1" = clone ] || [ "$1" = checkout ]; then move; fi; }
move() { sed -i 's/127.0.0.1:3000/127.0.0.1:'"$WALK_HTTP"'/; s/listen \\(\\[::\\]:\\)\\?443/listen \\1'"$WALK_TLS"'/; s/listen \\(\\[::\\]:\\)\\?80;/listen \\1'"$WALK_PLAIN"';/' /opt/clipbook/deploy/nginx-tls.conf; }
`;

const USAGE = `usage: npm run production:walk -- [options]
  --short           to the first redemption, in a folder and without a Debian
  --debian FOLDER   a Debian that is there, or is made there and kept
  --keep            keeps the Debian that is made`;

const options = fromCommandLine(
  USAGE,
  () =>
    parseArgs({
      options: { debian: { type: 'string' }, keep: { type: 'boolean' }, short: { type: 'boolean' } },
    }).values,
);
const show = (text: string): void => void process.stdout.write(text);
const ports: Ports = {
  http: await freePort('127.0.0.1'),
  tls: await freePort('127.0.0.1'),
  plain: await freePort('127.0.0.1'),
};
const { code } = options.short === true ? await walkInFolder(ports, show) : await walkInDebian();
process.exitCode = code === 0 ? 0 : 1;

async function walkInDebian(): Promise<{ code: number | null }> {
  if (process.getuid?.() !== 0) throw new Error('this makes a Debian in a folder, which needs root');
  const debian = options.debian ?? mkdtempSync(join(tmpdir(), 'clipbook-debian-'));
  if (!existsSync(join(debian, 'etc/debian_version'))) {
    const made = spawnSync('debootstrap', ['--variant=minbase', 'trixie', debian], { stdio: 'inherit' });
    if (made.error !== undefined) throw new Error(`debootstrap can not be run (${made.error.message}); install it`);
    if (made.status !== 0) throw new Error('debootstrap failed');
  }
  // It is `/` to every user in there.
  chmodSync(debian, 0o755);
  try {
    prepare(debian);
    // Mounts and processes end with it.
    const inside = 'mount -t proc proc /proc && mount -t tmpfs tmpfs /dev/shm && exec bash /root/walk.sh';
    const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...walkEnvironment() };
    const args = ['--mount', '--pid', '--fork', '--kill-child', 'chroot', debian, 'bash', '-c', inside];
    return await run('unshare', args, env, show);
  } finally {
    if (options.keep === true || options.debian !== undefined) show(`\nthe Debian is in ${debian}\n`);
    else rmSync(debian, { recursive: true, force: true });
  }
}

/** The repository, the stand-in for systemd, and the script. */
function prepare(debian: string): void {
  const clone = join(debian, 'srv/clipbook.git');
  rmSync(clone, { recursive: true, force: true });
  const cloned = spawnSync('git', ['clone', '--quiet', '--bare', '--no-hardlinks', ROOT, clone], { stdio: 'inherit' });
  if (cloned.status !== 0) throw new Error('the repository could not be cloned');
  cpSync(join(ROOT, 'scripts/walk/systemctl'), join(debian, 'usr/local/sbin/systemctl'));
  // Packages don't start what they install: the page does.
  writeFileSync(join(debian, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  cpSync('/etc/resolv.conf', join(debian, 'etc/resolv.conf'), { dereference: true });
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  if (authorities !== undefined) cpSync(authorities, join(debian, 'root/authorities.pem'));
  const blocks = blocksOf(readFileSync(join(ROOT, PAGE), 'utf8'));
  // Beside other servers of this machine, whose network it shares.
  writeFileSync(join(debian, 'root/walk.sh'), SETUP + portsMoved(ports, wholeScript(blocks)));
}

function walkEnvironment(): Record<string, string> {
  const authorities =
    process.env['NODE_EXTRA_CA_CERTS'] === undefined ? {} : { NODE_EXTRA_CA_CERTS: '/root/authorities.pem' };
  return {
    ...authorities,
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    DEBIAN_FRONTEND: 'noninteractive',
    WALK_STATE: '/run/walk',
    WALK_HTTP: String(ports.http),
    WALK_TLS: String(ports.tls),
    WALK_PLAIN: String(ports.plain),
    REPOSITORY: '/srv/clipbook.git',
    VERSION: 'HEAD',
    CLIPBOOK_PASSWORD: PASSWORD,
  };
}
