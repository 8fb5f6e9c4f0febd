/**
 * All other load on the server, as one party: uploads that overlap, jobs, callers who compete, and
 * shoppers who reserve and use promotions.
 */
import type { Api } from '../support/api.js';
import { createContest } from './contest.js';
import { createJobStarter } from './jobs.js';
import type { Party } from './party.js';
import { createShoppers } from './shoppers.js';
import { createUploader, type SharedCodes } from './uploads.js';
import { createUses } from './uses.js';

const UPLOADERS = 3;
const CONTENDERS = 6;
/** Of each of the two kinds. */
const SHOPPERS = 3;
const BUYERS = 2;

export async function createParties(api: Api, { jobsMayFail = false } = {}): Promise<Party> {
  const shared: SharedCodes = { next: 0 };
  const uploaders = Array.from({ length: UPLOADERS }, (_, index) => createUploader(api, `UPLOADER-${index}`, shared));
  const parties = await Promise.all([
    ...uploaders,
    createJobStarter(api, { mayFail: jobsMayFail }),
    createContest(api, CONTENDERS),
    createShoppers(api, { count: SHOPPERS, isWhole: false }),
    createShoppers(api, { count: SHOPPERS, isWhole: true }),
    createUses(api, BUYERS),
  ]);
  return {
    answered: () => parties.reduce((sum, party) => sum + party.answered(), 0),
    run: (over) => forAll((party) => party.run(over)),
    stop() {
      for (const party of parties) party.stop();
    },
    finish: (over) => forAll((party) => party.finish(over)),
    verify: (over, verdict) => forAll((party) => party.verify(over, verdict)),
  };

  async function forAll(work: (party: Party) => Promise<void>): Promise<void> {
    await Promise.all(parties.map(work));
  }
}
