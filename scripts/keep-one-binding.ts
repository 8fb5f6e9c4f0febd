/**
 * For an image: `node dist/scripts/keep-one-binding.js` deletes the binaries of uWebSockets.js for
 * other platforms and other versions of Node, and keeps the one that this Node loads.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bindingHere } from '../src/platform/uws-binding.js';

const keep = resolve(bindingHere().binary);
for (const name of ['uWebSockets.js', '@btc-vision/uwebsockets.js']) {
  const folder = resolve('node_modules', name);
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, file);
    if (/(?:^|[\\/])uws_\w+\.node$/.test(file) && path !== keep) rmSync(path);
  }
}
process.stdout.write(`${keep}\n`);
