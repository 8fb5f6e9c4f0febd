/**
 * Strings as bytes, and back, without the platform's encoders: those cost more in the call than a
 * 20-character code costs in the loop.
 *
 * The encoding is UTF-8 over UTF-16 code units (so a lone surrogate survives). Codes are ASCII, one
 * byte each.
 */

const SCRATCH_BYTES_FIRST = 4096;

/**
 * Where `encode` and the `append…` functions leave their bytes, valid until the next `encode`. One
 * per thread.
 */
export const scratch = { bytes: new Uint8Array(SCRATCH_BYTES_FIRST), length: 0 };

/** Encodes into `scratch`. */
export function encode(text: string): void {
  scratch.length = 0;
  append(text);
}

/** Encodes to the end of `scratch`. */
export function append(text: string): void {
  let at = scratch.length;
  const bytes = reserve(text.length * 3);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      bytes[at++] = unit;
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else {
      bytes[at++] = 0xe0 | (unit >> 12);
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f);
      bytes[at++] = 0x80 | (unit & 0x3f);
    }
  }
  scratch.length = at;
}

/** The bytes of `scratch`, with at least `more` after its length. */
export function reserve(more: number): Uint8Array {
  const need = scratch.length + more;
  if (need > scratch.bytes.length) {
    const grown = new Uint8Array(need * 2);
    grown.set(scratch.bytes.subarray(0, scratch.length));
    scratch.bytes = grown;
  }
  return scratch.bytes;
}

const DECODE_UNITS_MAX = 1024;

/**
 * An array of each length that a short text can have, filled and handed to `fromCharCode` over and
 * over again.
 */
const unitsOfLength = Array.from({ length: 64 }, (_, length) => new Array<number>(length).fill(0));

/** Decodes `bytes[start, end)`. */
export function decode(bytes: Uint8Array, start: number, end: number): string {
  const units = unitsOfLength[end - start];
  if (units === undefined) return decodeAny(bytes, start, end);
  for (let i = 0; i < units.length; i++) {
    const byte = bytes[start + i] as number;
    if (byte >= 0x80) return decodeAny(bytes, start, end);
    units[i] = byte;
  }
  return String.fromCharCode.apply(null, units);
}

function decodeAny(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > DECODE_UNITS_MAX) {
    // Split where no character is cut: not before a continuation byte.
    let middle = start + DECODE_UNITS_MAX;
    while (((bytes[middle] as number) & 0xc0) === 0x80) middle--;
    return decodeAny(bytes, start, middle) + decodeAny(bytes, middle, end);
  }
  const units: number[] = [];
  for (let at = start; at < end; ) {
    const first = bytes[at++] as number;
    if (first < 0x80) units.push(first);
    else if (first < 0xe0) units.push(((first & 0x1f) << 6) | ((bytes[at++] as number) & 0x3f));
    else {
      const second = (bytes[at++] as number) & 0x3f;
      units.push(((first & 0x0f) << 12) | (second << 6) | ((bytes[at++] as number) & 0x3f));
    }
  }
  return String.fromCharCode.apply(null, units);
}

/**
 * A 32-bit hash of `bytes[start, end)`: FNV-1a with the finalizer of MurmurHash3 (Appleby, public
 * domain), so that its low bits may index a table. `seed` gives independent hashes of the same
 * bytes. Not for secrets.
 */
export function hashBytes(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return mix(hash);
}

/** `hashBytes` of a text's bytes, without writing them where the text is ASCII. */
export function hashText(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) {
      encode(text);
      return hashBytes(scratch.bytes, 0, scratch.length, seed);
    }
    hash = Math.imul(hash ^ unit, 0x01000193);
  }
  return mix(hash);
}

/**
 * `hashText` of an ASCII text in two steps, so that texts with the same beginning share its work:
 * `endHash(beginHash(a, seed), b)` is `hashText(a + b, seed)`.
 */
export const beginHash = (beginning: string, seed: number): number => goOn((0x811c9dc5 ^ seed) | 0, beginning);
export const endHash = (begun: number, ending: string): number => mix(goOn(begun, ending));

function goOn(hash: number, ascii: string): number {
  let next = hash;
  for (let i = 0; i < ascii.length; i++) next = Math.imul(next ^ ascii.charCodeAt(i), 0x01000193);
  return next;
}

/** The finalizer alone: spreads every input bit over all 32. */
export function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Mixes two integers of up to 53 bits into a hash. */
export function fold(hash: number, a: number, b: number): number {
  const low = mix(mix(hash ^ (a >>> 0)) ^ (b >>> 0));
  return mix(low ^ Math.floor(a / 2 ** 32) ^ Math.imul(Math.floor(b / 2 ** 32), 0x9e3779b1));
}
