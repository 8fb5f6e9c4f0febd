/**
 * From the numbers 0, 1, 2, … to codes: a keyed permutation of the keyspace.
 *
 * A code is a row of digits, each with a radix of its own (the size of the alphabet at that place).
 * The permutation takes the n-th row in counting order to another row that only the holder of the
 * key can tell. Different counters give different rows, so codes are unique by construction:
 * nothing is looked up and nothing is tried again.
 *
 * ## How
 *
 * Digits are dealt to two halves, always to the one with fewer possibilities so far. A half is the
 * value of up to two *limbs*, each the mixed-radix number of some digits, at most 2^20. Sixteen
 * rounds, in turn on the left and on the right, add to one half a pseudo-random amount that the
 * other half, the round and the key determine:
 *
 *     left  := left  + F(round, right)   (each limb modulo its own size)
 *     right := right + F(round, left)
 *
 * A round is undone by subtracting, so the whole is a bijection, and as the halves' sizes multiply
 * to exactly the keyspace, there is no cycle to walk. This is the generalized Feistel network of
 * Black and Rogaway ("Ciphers with arbitrary finite domains", CT-RSA 2002) as NIST standardized it
 * in FF1 (SP 800-38G): AES as the round function, and at least 32 bits more than needed before
 * reducing (here 64 bits to at most 20: a bias below 2^-43). FF1 itself has one radix for all
 * digits and pays for big-number arithmetic; mixed radices and limbs need neither.
 *
 * When the halves are full (each has at least 2^29 possibilities then, more counters than a double
 * counts) the digits that are left are the *tail*: AES of the counter. The halves already differ
 * from code to code, so the tail need not be a permutation. `{UUID}` is nothing special: 122 bits,
 * the first of them permuted, and as unique as others.
 *
 * Up to 2^20 possibilities the permutation is a table, shuffled by Fisher and Yates with AES as the
 * source of randomness: Feistel networks on tiny halves have known attacks (which is why FF1
 * demands a million possibilities), a shuffle has none, and 4 MB hold the largest.
 *
 * ## Why knowing 1,000 codes does not help to name another
 *
 * Say that someone who sees q codes names another one with a better chance than (live codes - q) in
 * (keyspace - q). Then the same procedure tells this permutation from one that was drawn at random
 * among all of them, where seen values say nothing about the others but that they are others. For
 * Feistel networks with a pseudo-random round function it is proved that no procedure does (Luby
 * and Rackoff 1988 for few codes; Patarin, "Security of random Feistel schemes with 5 or more
 * rounds", CRYPTO 2004, up to nearly as many codes as a half has values, and the best attacks known
 * against r rounds on halves of M values cost about M^(r-4): with 16 rounds and the smallest halves
 * that the deal below can make that is above 2^88). What remains is to tell AES-256 from random.
 * The counters may be known, and are; only the key is secret. It is derived per book and pattern,
 * so the codes of one book say nothing about another's.
 *
 * ## What lost
 *
 * Drawing at random and asking the database whether the code is there: a look-up per code and a
 * retry loop that gets slower as the keyspace fills. SipHash or a ChaCha-like mix in JavaScript as
 * round function: 100 ns a round and a proof to write ourselves; AES comes from OpenSSL, thousands
 * of blocks a call, at 10 ns each.
 */
import { createCipheriv, hkdfSync } from 'node:crypto';

/**
 * Rows that one `digits` call makes at most. Big enough to hide the call into OpenSSL, small enough
 * for the cache.
 */
export const PERMUTATION_ROWS_MAX = 2048;

/** Counters are safe integers. */
export const COUNTER_MAX = Number.MAX_SAFE_INTEGER;

const KEY_BYTES = 32;
const ROUNDS = 16;
const LIMB_SIZE_MAX = 2 ** 20;
const LIMBS_PER_HALF = 2;
const TABLE_SIZE_MAX = 2 ** 20;

/** First word of what AES encrypts, so that the three uses never meet: rounds are 0..15. */
const DOMAIN_TAIL = 0x100;
const DOMAIN_SHUFFLE = 0x200;

export interface Permutation {
  /** How many counters there are: the product of the radices, or 2^53 if that is less. */
  readonly counters: number;
  /**
   * The rows of `count` (at most PERMUTATION_ROWS_MAX) counters from `from` on, one after the
   * other, a byte for each digit. Valid until the next call.
   */
  digits(from: number, count: number): Uint8Array;
}

/**
 * The key for one book's codes of one pattern: 256 bits by HKDF-SHA-256 (RFC 5869) from a master
 * secret of at least 32 bytes. `canonicalPattern` is `Pattern.canonical`.
 */
export function deriveKey(master: Uint8Array, bookId: string, canonicalPattern: string): Uint8Array {
  if (master.length < KEY_BYTES) throw new Error(`the master secret has ${master.length} bytes, not ${KEY_BYTES}`);
  const info = Buffer.from(`${bookId}\0${canonicalPattern}`, 'utf8');
  return new Uint8Array(hkdfSync('sha256', master, 'clipbook codes 1', info, KEY_BYTES));
}

/**
 * The permutation of all rows of digits with these radices (each from 2 to 256) under a key of 32
 * bytes.
 */
export function createPermutation(key: Uint8Array, radices: readonly number[]): Permutation {
  if (key.length !== KEY_BYTES) throw new Error(`the key has ${key.length} bytes, not ${KEY_BYTES}`);
  const size = radices.reduce((product, radix) => product * radix, 1);
  return size <= TABLE_SIZE_MAX ? shuffledTable(key, radices, size) : feistelNetwork(key, radices, size);
}

/** A number in mixed radix, made of some of the row's digits, the lowest first. */
interface Limb {
  size: number;
  readonly places: { readonly at: number; readonly radix: number }[];
}

function feistelNetwork(key: Uint8Array, radices: readonly number[], size: number): Permutation {
  const { left, right, tail } = dealDigits(radices);
  const [left0, left1] = left;
  const [right0, right1] = right;
  const limbs = [left0, left1, right0, right1, ...tail];
  const width = radices.length;
  const rowsMax = PERMUTATION_ROWS_MAX;
  const values = limbs.map(() => new Int32Array(rowsMax));
  const [l0, l1, r0, r1] = values as [Int32Array, Int32Array, Int32Array, Int32Array];
  const out = new Uint8Array(rowsMax * width);
  const aes = blockFunction(key);

  /** Adds F(round, source) to the target, for every row. */
  function round(
    index: number,
    count: number,
    [source0, source1]: readonly [Int32Array, Int32Array],
    [target0, target1]: readonly [Int32Array, Int32Array],
    size0: number,
    size1: number,
  ): void {
    const input = aes.input;
    for (let row = 0, at = 0; row < count; row++, at += 4) {
      input[at] = index;
      input[at + 1] = source0[row] as number;
      input[at + 2] = source1[row] as number;
      input[at + 3] = 0;
    }
    const random = aes.encrypt(count);
    for (let row = 0, at = 0; row < count; row++, at += 4) {
      const sum0 = (target0[row] as number) + below(size0, random[at] as number, random[at + 1] as number);
      target0[row] = sum0 >= size0 ? sum0 - size0 : sum0;
      const sum1 = (target1[row] as number) + below(size1, random[at + 2] as number, random[at + 3] as number);
      target1[row] = sum1 >= size1 ? sum1 - size1 : sum1;
    }
  }

  function fillTail(from: number, count: number): void {
    for (let pair = 0; pair < tail.length; pair += 2) {
      const input = aes.input;
      for (let row = 0, at = 0; row < count; row++, at += 4) {
        const counter = from + row;
        input[at] = DOMAIN_TAIL + pair;
        input[at + 1] = counter % 2 ** 32;
        input[at + 2] = Math.floor(counter / 2 ** 32);
        input[at + 3] = 0;
      }
      const random = aes.encrypt(count);
      for (let which = 0; which < 2 && pair + which < tail.length; which++) {
        const target = values[4 + pair + which] as Int32Array;
        const { size: limbSize } = tail[pair + which] as Limb;
        for (let row = 0, at = 2 * which; row < count; row++, at += 4) {
          target[row] = below(limbSize, random[at] as number, random[at + 1] as number);
        }
      }
    }
  }

  return {
    counters: Math.min(size, COUNTER_MAX),
    digits(from, count) {
      assertRange(from, count, Math.min(size, COUNTER_MAX));
      countRows(from, count, [left0.size, left1.size, right0.size, right1.size], [l0, l1, r0, r1]);
      for (let index = 0; index < ROUNDS; index += 2) {
        round(index, count, [r0, r1], [l0, l1], left0.size, left1.size);
        round(index + 1, count, [l0, l1], [r0, r1], right0.size, right1.size);
      }
      fillTail(from, count);
      limbs.forEach((limb, i) => {
        spreadLimb(limb, values[i] as Int32Array, count, width, out);
      });
      return out.subarray(0, count * width);
    },
  };
}

/**
 * Counts in mixed radix, the first limb fastest: the rows' limbs for `count` counters from `from`
 * on.
 */
function countRows(from: number, count: number, sizes: readonly number[], into: readonly Int32Array[]): void {
  let rest = BigInt(from);
  const now = sizes.map((size) => {
    const value = Number(rest % BigInt(size));
    rest /= BigInt(size);
    return value;
  });
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < now.length; i++) (into[i] as Int32Array)[row] = now[i] as number;
    for (let i = 0; i < now.length; i++) {
      const next = (now[i] as number) + 1;
      now[i] = next === sizes[i] ? 0 : next;
      if (next !== sizes[i]) break;
    }
  }
}

function shuffledTable(key: Uint8Array, radices: readonly number[], size: number): Permutation {
  const table = shuffled(key, size);
  const limb: Limb = { size, places: radices.map((radix, at) => ({ at, radix })) };
  const width = radices.length;
  const out = new Uint8Array(PERMUTATION_ROWS_MAX * width);
  return {
    counters: size,
    digits(from, count) {
      assertRange(from, count, size);
      spreadLimb(limb, table.subarray(from, from + count), count, width, out);
      return out.subarray(0, count * width);
    },
  };
}

/** Fisher and Yates, from the end, with 64 bits of AES for each step. */
function shuffled(key: Uint8Array, size: number): Int32Array {
  const table = new Int32Array(size);
  for (let i = 0; i < size; i++) table[i] = i;
  const aes = blockFunction(key);
  const perFill = 2 * PERMUTATION_ROWS_MAX;
  let random: Uint32Array = new Uint32Array(0);
  for (let last = size - 1, step = 0; last > 0; last--, step++) {
    const at = step % perFill;
    if (at === 0) {
      for (let row = 0; row < PERMUTATION_ROWS_MAX; row++) {
        aes.input[4 * row] = DOMAIN_SHUFFLE;
        aes.input[4 * row + 1] = step / perFill;
        aes.input[4 * row + 2] = row;
        aes.input[4 * row + 3] = 0;
      }
      random = aes.encrypt(PERMUTATION_ROWS_MAX);
    }
    const pick = below(last + 1, random[2 * at] as number, random[2 * at + 1] as number);
    const picked = table[pick] as number;
    table[pick] = table[last] as number;
    table[last] = picked;
  }
  return table;
}

/**
 * Deals the digits: each to the half with fewer possibilities, as long as it fits into one of its
 * limbs, else to the other half, else to the tail.
 */
function dealDigits(radices: readonly number[]): { left: [Limb, Limb]; right: [Limb, Limb]; tail: Limb[] } {
  const emptyLimb = (): Limb => ({ size: 1, places: [] });
  const left: [Limb, Limb] = [emptyLimb(), emptyLimb()];
  const right: [Limb, Limb] = [emptyLimb(), emptyLimb()];
  const tail: Limb[] = [];
  const sizeOf = (half: readonly Limb[]) => half.reduce((product, limb) => product * limb.size, 1);
  const fits = (limb: Limb, radix: number) => limb.size * radix <= LIMB_SIZE_MAX;
  radices.forEach((radix, at) => {
    const halves = sizeOf(right) < sizeOf(left) ? [...right, ...left] : [...left, ...right];
    let limb = halves.find((candidate) => fits(candidate, radix)) ?? tail.find((candidate) => fits(candidate, radix));
    if (limb === undefined) {
      limb = emptyLimb();
      tail.push(limb);
    }
    limb.size *= radix;
    limb.places.push({ at, radix });
  });
  if (left.length !== LIMBS_PER_HALF || right.length !== LIMBS_PER_HALF) throw new Error('a half has two limbs');
  return { left, right, tail };
}

function spreadLimb(limb: Limb, values: Int32Array, count: number, width: number, out: Uint8Array): void {
  // Digit by digit, not row by row: radix and place stay constant in the inner loop, whose division
  // is an integer one.
  const rest = spreadScratch;
  rest.set(values.subarray(0, count));
  for (const { at, radix } of limb.places) {
    for (let row = 0, to = at; row < count; row++, to += width) {
      const value = rest[row] as number;
      const quotient = (value / radix) | 0;
      out[to] = value - quotient * radix;
      rest[row] = quotient;
    }
  }
}

const spreadScratch = new Int32Array(PERMUTATION_ROWS_MAX);

/**
 * The 64 random bits `high`, `low` scaled down to 0 .. size - 1, for sizes to 2^20. All products
 * stay below 2^53, so all is exact, and both quotients below 2^31, so that `| 0` may cut them,
 * which is faster than Math.floor.
 */
function below(size: number, high: number, low: number): number {
  const carry = ((low * size) / 2 ** 32) | 0;
  return ((high * size + carry) / 2 ** 32) | 0;
}

/**
 * AES-256 on many blocks at once: fill `input` (four words a block), call `encrypt`, read the words
 * it returns before the next call. Every block is different and none is secret by its equality to
 * another, which is all that ECB must not be asked for: here it is the bare block cipher, as FF1
 * uses it. Words are in the machine's order, which is little-endian wherever Clipbook's HTTP server
 * runs.
 */
function blockFunction(key: Uint8Array): { readonly input: Uint32Array; encrypt(blocks: number): Uint32Array } {
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  const input = new Uint32Array(4 * PERMUTATION_ROWS_MAX);
  return {
    input,
    encrypt(blocks) {
      const output = cipher.update(new Uint8Array(input.buffer, 0, 16 * blocks));
      const aligned = output.byteOffset % 4 === 0 ? output : Uint8Array.from(output);
      return new Uint32Array(aligned.buffer, aligned.byteOffset, 4 * blocks);
    },
  };
}

function assertRange(from: number, count: number, counters: number): void {
  if (!Number.isSafeInteger(from) || from < 0 || count < 0 || count > PERMUTATION_ROWS_MAX || from + count > counters) {
    throw new Error(`counters ${from} to ${from + count} are not within ${counters}`);
  }
}
