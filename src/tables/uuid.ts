/** UUIDs as 16 bytes, and back (RFC 9562, section 4). Their text is in lower case. */

export const UUID_BYTES = 16;

const DASH = 0x2d;
const DIGITS = [...'0123456789abcdef'].map((digit) => digit.charCodeAt(0));
/** The value of each character that is a digit, else -1. */
const digitOf = Int8Array.from({ length: 256 }, (_, unit) => DIGITS.indexOf(unit));
/** The characters of the UUID that is being read; its dashes stay. */
const units = [...'00000000-0000-0000-0000-000000000000'].map((character) => character.charCodeAt(0));

/**
 * Puts the bytes at `start`. False where the text is no UUID in lower case: some may be there then.
 */
export function putUuid(text: string, bytes: Uint8Array, start: number): boolean {
  if (text.length !== units.length) return false;
  let end = start;
  for (let i = 0; i < units.length; i++) {
    if (units[i] === DASH) {
      if (text.charCodeAt(i) !== DASH) return false;
      continue;
    }
    const high = digitOf[text.charCodeAt(i)] ?? -1;
    const low = digitOf[text.charCodeAt(++i)] ?? -1;
    if (high < 0 || low < 0) return false;
    bytes[end++] = high * 16 + low;
  }
  return true;
}

/** The UUID whose bytes begin at `start`. */
export function uuidAt(bytes: Uint8Array, start: number): string {
  let at = start;
  for (let i = 0; i < units.length; i++) {
    if (units[i] === DASH) continue;
    const byte = bytes[at++] as number;
    units[i] = DIGITS[byte >>> 4] as number;
    units[++i] = DIGITS[byte & 0xf] as number;
  }
  return String.fromCharCode.apply(null, units);
}
