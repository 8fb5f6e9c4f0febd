/** A code as it is kept: 3 to 64 characters of `A-Z 0-9 - _ .`, in upper case. */
import { CODE_LENGTH_MAX, CODE_LENGTH_MIN } from './pattern.js';

// Small letters are matched before upper-casing, because 'ı' and 'ſ' would become the ASCII letters
// I and S.
const CODE = /^[A-Za-z0-9._-]{3,64}$/;
const FOREIGN = /[^A-Za-z0-9._-]/u;

/** Trims and upper-cases a code; null when what remains is none. */
export function normalizeCode(text: string): string | null {
  const trimmed = text.trim();
  return CODE.test(trimmed) ? trimmed.toUpperCase() : null;
}

/** Why `normalizeCode` gave null, in words for the one who sent the text. */
export function explainInvalidCode(text: string): string {
  const trimmed = text.trim();
  if (trimmed.length === 0) return 'the code is empty';
  const foreign = FOREIGN.exec(trimmed);
  if (foreign !== null) return `${JSON.stringify(foreign[0])} is not one of A-Z 0-9 - _ .`;
  const bound = trimmed.length < CODE_LENGTH_MIN ? `at least ${CODE_LENGTH_MIN}` : `at most ${CODE_LENGTH_MAX}`;
  return `the code has ${trimmed.length} characters, and needs ${bound}`;
}

/** The same for bytes: what a byte of a code becomes, 0 for a byte that no code has. */
const NORMAL = new Uint8Array(256);
for (let byte = 0; byte < 128; byte++) {
  const code = normalizeCode(String.fromCharCode(byte).repeat(CODE_LENGTH_MIN));
  if (code !== null) NORMAL[byte] = code.charCodeAt(0);
}

/**
 * Normalizes the code in `bytes[start, end)`, trimmed of ASCII blanks, into `target` from `at` on,
 * which needs room for 64 bytes. Returns its length, or 0 when it is no code or one that only
 * `normalizeCode` can tell, by blanks beyond ASCII: ask that one then.
 */
export function normalizeBytes(bytes: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
  let first = start;
  let last = end;
  while (first < last && isBlank(bytes[first] as number)) first++;
  while (first < last && isBlank(bytes[last - 1] as number)) last--;
  const length = last - first;
  if (length < CODE_LENGTH_MIN || length > CODE_LENGTH_MAX) return 0;
  for (let i = 0; i < length; i++) {
    const normal = NORMAL[bytes[first + i] as number] as number;
    if (normal === 0) return 0;
    target[at + i] = normal;
  }
  return length;
}

/** The ASCII characters that `String.trim` takes away. */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
