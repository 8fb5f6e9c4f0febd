/** Hexadecimal digits at a place of a text: parts of ids that are made and read many times. */

const DIGITS = [...'0123456789abcdef'].map((digit) => digit.charCodeAt(0));

/** Puts the lowest digits of a number into the character codes of a text. */
export function putHex(units: number[], start: number, digits: number, value: number): void {
  let rest = value;
  for (let at = start + digits - 1; at >= start; at--) {
    units[at] = DIGITS[rest & 0xf] as number;
    rest >>>= 4;
  }
}

/** NaN where a character is no digit in lower case. */
export function readHex(text: string, start: number, digits: number): number {
  let value = 0;
  for (let at = start; at < start + digits; at++) {
    const unit = text.charCodeAt(at);
    const digit = unit < 0x3a ? unit - 0x30 : unit - 0x57;
    if (digit < 0 || digit > 0xf || (unit >= 0x3a && digit < 0xa)) return Number.NaN;
    value = value * 16 + digit;
  }
  return value;
}
