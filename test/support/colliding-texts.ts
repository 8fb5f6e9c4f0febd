/**
 * Texts that have the same FNV-1a hash, as somebody makes them who wants to slow a server down:
 * pairs of blocks that lead from one state to the same next one, one after the other, so that `n`
 * pairs make 2^n texts (Joux, "Multicollisions in Iterated Hash Functions", CRYPTO 2004). A pair is
 * found among some 80,000 blocks.
 */

const BLOCK_LENGTH = 6;
const CHARACTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/**
 * `count` different texts of 84 characters at most, up to 16,384 of them; `seed` is that of
 * `hashText`.
 */
export function collidingTexts(count: number, seed: number): string[] {
  let texts = [''];
  let state = (0x811c9dc5 ^ seed) | 0;
  while (texts.length < count) {
    const pair = collidingBlocks(state);
    texts = texts.flatMap((text) => pair.blocks.map((block) => text + block));
    state = pair.state;
  }
  return texts.slice(0, count);
}

function collidingBlocks(from: number): { readonly blocks: readonly [string, string]; readonly state: number } {
  const seen = new Map<number, string>();
  for (let n = 0; ; n++) {
    const block = blockOf(n);
    const state = advance(from, block);
    const other = seen.get(state);
    if (other !== undefined) return { blocks: [other, block], state };
    seen.set(state, block);
  }
}

function advance(from: number, block: string): number {
  let state = from;
  for (let i = 0; i < block.length; i++) state = Math.imul(state ^ block.charCodeAt(i), 0x01000193);
  return state;
}

/** Blocks that differ in every character, so that their states are anywhere. */
function blockOf(n: number): string {
  let rest = (n * 1_000_000_007) % 36 ** BLOCK_LENGTH;
  let block = '';
  for (let i = 0; i < BLOCK_LENGTH; i++) {
    block += CHARACTERS[rest % 36];
    rest = Math.floor(rest / 36);
  }
  return block;
}
