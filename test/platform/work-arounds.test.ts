import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WORKAROUNDS } from '../../src/platform/work-arounds.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Path and opening comment of each file in `folder`. */
function openings(folder: string): (readonly [path: string, opening: string])[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const text = readFileSync(join(ROOT, folder, name), 'utf8');
      return [`${folder}/${name}`, text.slice(0, text.indexOf('*/'))] as const;
    });
}

test('each work-around opens with its gain and its switch, and docs/performance.md lists it', () => {
  const page = readFileSync(join(ROOT, 'docs/performance.md'), 'utf8');
  const files = [...openings('src/platform'), ...openings('src/features/coupons')];
  const found = files.flatMap(([path, opening]) => {
    const [, name] = /^ \* Switch: `([a-z-]+)` \(/m.exec(opening) ?? [];
    if (name === undefined) return [];
    assert.match(opening, /^ \* Gain: \S/m, path);
    assert.ok(page.includes(`| \`${name}\` | \`${path}\` |`), `docs/performance.md has no row for ${path}`);
    return [name];
  });
  assert.deepEqual(found.sort(), [...WORKAROUNDS]);
});

/** What a new process prints that evaluates `source` with these work-arounds off. */
function printed(off: string, source: string): string {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--allow-natives-syntax', '--input-type=module', '--eval', source],
    { cwd: ROOT, env: { ...process.env, WORKAROUNDS_OFF: off }, encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

test('WORKAROUNDS_OFF switches off what it names, and nothing else', () => {
  const memory = `
    import { tableMemory } from './src/platform/uncounted-memory.ts';
    console.log(tableMemory(1 << 20).constructor.name);`;
  assert.equal(printed('', memory), 'SharedArrayBuffer');
  assert.equal(printed('prefetch', memory), 'SharedArrayBuffer');
  assert.equal(printed('prefetch, uncounted-memory', memory), 'ArrayBuffer');
  const strings = `
    import './src/platform/fast-strings.ts';
    import 'ioredis';
    console.log(%HasFastProperties(String.prototype));`;
  assert.equal(printed('', strings), 'true');
  assert.equal(printed('fast-strings', strings), 'false');
});
