/**
 * `npm run golden`: writes the fixtures of golden.test.ts anew. Only for a change of bytes that is
 * meant.
 */
import { LAYERS, MAKERS, writeGolden } from './golden.js';

for (const layer of LAYERS) writeGolden(layer, await MAKERS[layer]());
