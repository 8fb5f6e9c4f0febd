/**
 * The commands of docs/production.md as one script, so that the page and what was run can't differ.
 *
 * Two ways to run it. On an empty Debian machine the script runs as it stands (`wholeScript`). In a
 * folder (`folderScript`) paths and ports are moved, and commands that change the machine itself
 * (packages, users, owners of files) do nothing; that is enough for the part that leads to the
 * first redemption, and it may run beside anything else.
 */
export interface Block {
  /** Of its first command, counting from 1. */
  readonly line: number;
  readonly text: string;
  /**
   * It is about an installation that begins with it: on an empty database, or on a machine without
   * one.
   */
  readonly begins: 'fresh' | 'bare' | null;
  /** It comes before the mark that ends the short form. */
  readonly isShort: boolean;
}

const FULL_MARK = '<!-- walk: the full form goes on from here -->';
const FRESH_MARK = '<!-- walk: fresh -->';
const BARE_MARK = '<!-- walk: bare -->';

/** The `sh` blocks of a Markdown page, in order. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let isShort = true;
  let begins: Block['begins'] = null;
  let open: { line: number; text: string } | null = null;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (open !== null) {
      if (line !== '```') open.text += `${line}\n`;
      else {
        blocks.push({ ...open, begins, isShort });
        open = null;
        begins = null;
      }
      continue;
    }
    if (line === '```sh') open = { line: index + 2, text: '' };
    if (line === FULL_MARK) isShort = false;
    if (line === FRESH_MARK) begins = 'fresh';
    if (line === BARE_MARK) begins = 'bare';
  }
  if (open !== null) throw new Error(`a block that begins in line ${open.line} does not end`);
  return blocks;
}

const STOP = `
systemctl stop clipbook
if [ -e /etc/redis/redis.conf ]; then systemctl stop redis-server; fi
rm -rf /var/lib/clipbook /var/lib/redis/*
`;

/** Takes away the PostgreSQL and the Redis of the sections before. */
const BARE = `${STOP}
if [ -e /etc/clipbook/database-url ]; then
  runuser -u postgres -- dropdb clipbook
  runuser -u postgres -- dropuser clipbook
fi
rm -f /etc/clipbook/database-url /etc/clipbook/redis-url
sed -i '/^DATABASE_URL_FILE=/d; /^REDIS_URL_FILE=/d' /etc/clipbook/environment
`;

/**
 * What an installation holds that begins anew: nothing, and an empty database where it has one of
 * its own.
 */
const FRESH = `${STOP}
if [ -e /etc/clipbook/database-url ]; then
  port=$(sed 's/.*:\\([0-9]*\\)\\/.*/\\1/' /etc/clipbook/database-url)
  runuser -u postgres -- dropdb --port="$port" clipbook
  runuser -u postgres -- createdb --port="$port" --owner=clipbook --template=template0 clipbook
fi
`;

/**
 * `set -e` ends it at the first command that fails; the last line that it printed then names the
 * block.
 */
export function wholeScript(blocks: readonly Block[]): string {
  const before = { fresh: FRESH, bare: BARE };
  const parts = blocks.map(
    ({ line, text, begins }) => `echo '== line ${line}'\n${begins === null ? '' : before[begins]}${text}`,
  );
  return `set -euo pipefail\n${parts.join('\n')}\necho '== done'\n`;
}

export interface Ports {
  readonly http: number;
  readonly tls: number;
  readonly plain: number;
}

const MOVED = [
  '/opt/clipbook',
  '/etc/clipbook',
  '/etc/nginx',
  '/etc/systemd/system',
  '/usr/local/bin',
  '/var/lib/clipbook',
];
const MOVED_PATH = new RegExp(`(?<![\\w./])(?:${MOVED.join('|')})(?![\\w-])`, 'g');

/**
 * The same text with paths below `root` and ports of its own. Also for the files that the commands
 * install.
 */
export function movedTo(root: string, ports: Ports, text: string): string {
  return portsMoved(ports, text.replace(MOVED_PATH, `${root}$&`));
}

export function portsMoved({ http, tls, plain }: Ports, text: string): string {
  return text
    .replace(/(?<=127\.0\.0\.1:|^PORT=)3000\b/gm, String(http))
    .replace(/(?<=listen (?:\[::\]:)?|coupons\.example:)443\b/g, String(tls))
    .replace(/(?<=listen (?:\[::\]:)?)80\b/g, String(plain));
}
