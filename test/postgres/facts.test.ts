import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describePostgres, isSafe, type PostgresFacts } from '../../src/postgres/facts.js';

const FACTS: PostgresFacts = {
  version: '18.1',
  fsync: true,
  fullPageWrites: true,
  dataChecksums: true,
  synchronousStandbys: '',
  standbys: 0,
  clockAheadMs: 0,
  roundTripMs: 1,
};

test('the line of a PostgreSQL says what a power cut and a failover can lose, and shows no password', () => {
  const cases: readonly (readonly [Partial<PostgresFacts>, RegExp, boolean])[] = [
    [{}, /: every commit is synced to disk, .*; data checksums find a damaged page; no standbys$/, true],
    [{ dataChecksums: false }, /; no data checksums, so a damaged page is not noticed; no standbys$/, true],
    [{ fsync: false }, /: fsync is OFF, so A POWER CUT OF PostgreSQL CAN DESTROY ALL DATA; no standbys$/, false],
    [{ fullPageWrites: false }, /: full_page_writes is OFF, so A POWER CUT OF PostgreSQL CAN DAMAGE ANY PAGE;/, false],
    [{ standbys: 1 }, /; 1 standby, none synchronous, so a failover may lose the last commits$/, true],
    [{ standbys: 2, synchronousStandbys: 'ANY 1 (*)' }, /; 2 standbys; each commit waits for "ANY 1 \(\*\)"$/, true],
  ];
  for (const [changed, line, safe] of cases) {
    const facts = { ...FACTS, ...changed };
    const told = describePostgres('postgres://ada:secret@db.example:6432/shop', facts);
    assert.match(told, line);
    assert.match(told, /^db\.example:6432: PostgreSQL 18\.1: /);
    assert.doesNotMatch(told, /secret/);
    assert.equal(isSafe(facts), safe);
  }
});
