/**
 * `npm run vendor:scalar -- 1.76.0`: takes Scalar's standalone file of that version out of its npm
 * package, and keeps it compressed in `web/scalar/` with its hash in `src/http/api/scalar.ts`. npm
 * checks the package against the integrity that the registry gives. A test checks the file against
 * the hash.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCE = join(ROOT, 'src/http/api/scalar.ts');
const FILE = join(ROOT, 'web/scalar/standalone.js.gz');
const IN_PACKAGE = 'package/dist/browser/standalone.js';

const [version = ''] = process.argv.slice(2);
if (!/^\d+\.\d+\.\d+$/.test(version)) {
  console.error('usage: npm run vendor:scalar -- <version>, such as 1.76.0');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'clipbook-scalar-'));
try {
  const packed = run('npm', ['pack', `@scalar/api-reference@${version}`, '--json', '--pack-destination', folder]);
  const [{ filename, integrity }] = JSON.parse(packed) as [{ filename: string; integrity: string }];
  run('tar', ['-xzf', join(folder, filename), '-C', folder, IN_PACKAGE]);
  const script = readFileSync(join(folder, IN_PACKAGE));
  const sha256 = createHash('sha256').update(script).digest('hex');
  writeFileSync(FILE, gzipSync(script, { level: constants.Z_BEST_COMPRESSION }));
  const source = readFileSync(SOURCE, 'utf8')
    .replace(/(SCALAR_VERSION = ')[^']*/, `$1${version}`)
    .replace(/(SCALAR_SHA256 = ')[^']*/, `$1${sha256}`);
  writeFileSync(SOURCE, source);
  console.log(`${filename}, ${integrity}: ${script.length} bytes, SHA-256 ${sha256}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
