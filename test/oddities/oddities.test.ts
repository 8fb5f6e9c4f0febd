/** Every oddity, sent to the real server, with its answer compared with its effect. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { contradiction, isRedeemed } from './judge.js';
import { ODDITIES } from './oddities.js';
import { openStage, type Stage } from './stage.js';

let stage: Stage;
before(async () => {
  stage = await openStage();
});
after(() => stage.stop());

// Some end with a timeout of ten seconds, so all are under way at once.
describe('the answer and the effect agree', { concurrency: true }, () => {
  for (const oddity of ODDITIES) {
    it(`for ${oddity.what}`, { timeout: 60_000 }, async () => {
      const names = await stage.names();
      const script = oddity.script(names);
      const awaited = oddity.end === 'ends' ? Number.POSITIVE_INFINITY : script.answers;
      const { answers, end } = await stage.run({ ...script, answers: awaited });
      const statuses = answers.map(({ status }) => status);
      const isDone = await isRedeemed(stage.api, names.code);
      assert.equal(contradiction(oddity.code, answers, isDone), null, `answers: ${JSON.stringify(answers)}`);
      const isOtherDone = await isRedeemed(stage.api, names.other);
      assert.equal(contradiction(oddity.other ?? 'hidden', answers, isOtherDone), null, JSON.stringify(answers));
      const allowed = oddity.answers.map((list) => list.join(' '));
      assert.ok(allowed.includes(statuses.join(' ')), `answers ${statuses.join(' ')}, allowed: ${allowed.join(' | ')}`);
      if (oddity.end !== 'either') assert.equal(end === 'open' ? 'open' : 'ends', oddity.end);
    });
  }
});
