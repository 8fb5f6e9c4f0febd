/** Run by shop-faults.test.ts in a process with another TZ. Prints its zone and all answers. */
import { answersOfShop } from './last-days.js';

const offsetMinutes = -new Date(Date.UTC(2026, 0, 15)).getTimezoneOffset();
console.log(JSON.stringify({ offsetMinutes, answers: answersOfShop() }));
