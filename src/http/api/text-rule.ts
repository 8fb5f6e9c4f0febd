/**
 * Which texts are taken: well-formed Unicode without control characters. The same rule holds
 * wherever a text comes in, in bodies, paths, queries and tokens, so that every text that was taken
 * can be kept, logged and shown (docs/values.md).
 *
 * Format characters (joiners, direction marks), private and unassigned ones are taken: emoji,
 * Persian and Hindi need the first, and a character of a newer Unicode is unassigned to an older
 * Node.
 */

/** For texts of one line. A lone surrogate has no UTF-8, and PostgreSQL keeps no NUL. */
export const LINE_CHARACTER = String.raw`[^\p{Cc}\p{Cs}]`;

/** For texts of several lines: tab, line feed and carriage return are taken too. */
const REFUSED_IN_LINES = /[^\P{Cc}\t\n\r]|\p{Cs}/u;

export const mayHoldLines = (text: string): boolean => !REFUSED_IN_LINES.test(text);

/** A text of one line; `{min,max}` counts characters, not UTF-16 units. */
export const lineOf = (min: number, max: number): RegExp => new RegExp(`^${LINE_CHARACTER}{${min},${max}}$`, 'u');

export const USER_ID_LENGTH_MAX = 128;

/** The id of a user, in a body, in a path or as the subject of a token. */
export const USER_ID = lineOf(1, USER_ID_LENGTH_MAX);
