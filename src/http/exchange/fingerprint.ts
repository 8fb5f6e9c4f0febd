/**
 * The fingerprint of a request, by which a repeated idempotency key is told from a reused one: 53
 * bits, so that it is an exact JavaScript number, over route, parameters and body. The hash is
 * cyrb53 (bryc, public domain). It guards against mistakes, not against attackers: a key is looked
 * up under the caller that it belongs to.
 */
interface Hasher {
  /** Takes 16-bit units of text. */
  text(text: string): void;
  bytes(bytes: Uint8Array): void;
  /** `0 .. 2^53 - 1` */
  digest(): number;
}

export function createHasher(): Hasher {
  let h1 = 0xdeadbeef;
  let h2 = 0x41c6ce57;
  const mix = (unit: number): void => {
    h1 = Math.imul(h1 ^ unit, 2654435761);
    h2 = Math.imul(h2 ^ unit, 1597334677);
  };
  return {
    text(text) {
      for (let i = 0; i < text.length; i++) mix(text.charCodeAt(i));
    },
    bytes(bytes) {
      for (let i = 0; i < bytes.length; i++) mix(bytes[i] as number);
    },
    digest() {
      let a = Math.imul(h1 ^ (h1 >>> 16), 2246822507);
      a ^= Math.imul(h2 ^ (h2 >>> 13), 3266489909);
      let b = Math.imul(h2 ^ (h2 >>> 16), 2246822507);
      b ^= Math.imul(h1 ^ (h1 >>> 13), 3266489909);
      return 4294967296 * (2097151 & b) + (a >>> 0);
    },
  };
}

/** The same for requests that mean the same: the order of an object's fields does not count. */
export function fingerprintOf(routeId: string, params: readonly string[], body: unknown): number {
  const hasher = createHasher();
  hasher.text(routeId);
  for (const param of params) {
    hasher.text('\0');
    hasher.text(param);
  }
  hasher.text('\0');
  hasher.text(canonical(body));
  return hasher.digest();
}

/**
 * JSON with sorted keys. `value` came out of JSON, so it has no cycles, and its depth is bounded by
 * its schema.
 */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join()}}`;
}
