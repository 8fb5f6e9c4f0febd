import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { answerTo, expectedOf, localTexts, ZONE_CASES } from './zone-cases.js';

describe('dates, windows and periods in time zones', () => {
  for (const zoneCase of ZONE_CASES) {
    it(`${zoneCase.name} (${zoneCase.timeZone})`, () => {
      assert.deepEqual(answerTo(zoneCase), expectedOf(zoneCase));
    });
  }
});

describe('a server', () => {
  const zones: [timeZone: string, offsetMinutes: number][] = [
    ['UTC', 0],
    ['America/New_York', -300],
    ['Asia/Kolkata', 330],
  ];
  for (const [timeZone, offsetMinutes] of zones) {
    it(`whose own TZ is ${timeZone} gives the same answers`, () => {
      const script = fileURLToPath(new URL('./in-another-zone.ts', import.meta.url));
      const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script], {
        env: { ...process.env, TZ: timeZone },
        encoding: 'utf8',
      });
      assert.notEqual(stdout, '', stderr);
      assert.deepEqual(JSON.parse(stdout), {
        offsetMinutes,
        answers: ZONE_CASES.map(expectedOf),
        localTexts: localTexts(),
      });
    });
  }
});
