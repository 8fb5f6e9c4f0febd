/** Run by zones.test.ts in a process with another TZ. Prints the zone and all answers as JSON. */
import { answerTo, localTexts, ZONE_CASES } from './zone-cases.js';

const offsetMinutes = -new Date(Date.UTC(2026, 0, 15)).getTimezoneOffset();
console.log(JSON.stringify({ offsetMinutes, answers: ZONE_CASES.map(answerTo), localTexts: localTexts() }));
