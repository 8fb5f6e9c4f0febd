/**
 * The words that no code may be, because they stand literally in a path under `/coupons/`: with a
 * code ASSIGN, the path `/coupons/assign/lock` would assign a code LOCK where somebody meant to
 * lock ASSIGN.
 */
import { normalizeCode } from '../../codes/normalize.js';
import type { Route } from './route.js';

const UNDER_COUPONS = /^(?:\/api\/v1)?\/coupons\/(.+)$/;

/** The words as docs/codes.md lists them, a line each. */
export const reservedWordsText = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join('\n');

/** In upper case, as codes are; those that could not be codes anyway are left out. */
export function reservedWords(routes: readonly Pick<Route, 'path'>[]): readonly string[] {
  const words = routes.flatMap(({ path }) => UNDER_COUPONS.exec(path)?.[1]?.split('/') ?? []);
  const codes = words.filter((word) => !word.startsWith('{')).map(normalizeCode);
  return [...new Set(codes)].filter((code) => code !== null).sort();
}
