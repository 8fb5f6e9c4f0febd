import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory, undoes } from '../support/server.js';
import { whatIsMissing } from './cut-fs.js';
import { powerCuts } from './power-cuts.js';

const WITHOUT_SYNC = fileURLToPath(new URL('without-sync.cjs', import.meta.url));

const missing = whatIsMissing();
if (missing === null) register();
else console.log(`left out: power cuts, since ${missing}`);

async function run(t: TestContext, cuts: number, without: 'data' | 'names' | null) {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(() => directory.remove());
  const env = without === null ? {} : { NODE_OPTIONS: `--require ${WITHOUT_SYNC}`, WITHOUT_SYNC: without };
  const seed = Math.floor(Math.random() * 1e9);
  t.diagnostic(`seed ${seed}`);
  return powerCuts({ dataDir: directory.path, cuts, seed, env, lifeMs: [200, 800], say: (line) => t.diagnostic(line) });
}

function register(): void {
  test('answered changes survive a power cut (I2)', async (t) => {
    const { lost, doubled, misseen, checked, undone } = await run(t, 3, null);
    assert.deepEqual([...lost, ...doubled, ...misseen], []);
    assert.ok(checked > 100, `only ${checked} operations were checked`);
    assert.ok(undone.cuts >= 3);
  });

  for (const [without, what] of [
    ['data', 'fdatasync'],
    ['names', 'the sync of a directory'],
  ] as const) {
    test(`without ${what}, a power cut loses answered operations`, async (t) => {
      assert.ok(await isLossSeen(run(t, 1, without)), 'nothing was lost: these cuts show nothing');
    });
  }
}

/**
 * A loss shows as missing operations, as a book that is gone, or as a start that the journal's
 * emptiness ends with code 24.
 */
async function isLossSeen(cuts: ReturnType<typeof powerCuts>): Promise<boolean> {
  try {
    return (await cuts).lost.length > 0;
  } catch (error) {
    if (/book-not-found|the server ended with 24:/.test(String(error))) return true;
    throw error;
  }
}
