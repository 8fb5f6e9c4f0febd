import assert from 'node:assert/strict';
import type { Api } from './api.js';
import { until } from './probe.js';

/** Has the server compare its memory with PostgreSQL, and fails where they differ. */
export async function verifyStores(api: Api): Promise<void> {
  const { body: begun } = await api.call('POST', '/verifications');
  let verification = begun;
  await until(async () => {
    verification = (await api.call('GET', `/verifications/${begun.id}`)).body;
    return verification.status !== 'processing';
  }, 'the verification ends');
  assert.deepEqual([verification.status, verification.agrees], ['completed', true], JSON.stringify(verification));
}
