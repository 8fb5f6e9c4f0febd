/**
 * Places of the rows of unused codes: the block of `codes`, and the line in the block.
 *
 * An update by place avoids the index look-up, which is half of its cost in a table with millions
 * of rows (docs/decisions/projection.md). PostgreSQL moves no row that nobody changed, and a batch
 * was put in by one COPY, in the order of its ordinals. So where the first line of a block holds
 * ordinal 700 of a batch, the next lines hold 701, 702 and so on, as far as the next block's first,
 * and one look per block tells the places of all its rows:
 *
 *     block      4711        4712        4713
 *     line 1      700         767         834       what is looked up
 *     line n      701 …       768 …       835 …     what follows from it
 *
 * The result is a guess, and its user has to compare the code as well: a block may hold other rows
 * too. After one wrong guess, the rows of that batch are found through the index again.
 *
 * It costs 8 bytes per block, which holds some 60 rows. Only large batches are worth it.
 */
import type pg from 'pg';
import { asShardId, type ShardId } from '../../domain/ids.js';
import { copyOut } from '../copy/copy-out.js';

/** The rows of a smaller one are few, and so are the pages of the index that lead to them. */
const CODES_MIN = 10_000;
const BLOCKS_FIRST = 1024;
/** No block of 8 KiB has room for more. */
const LINES_MAX = 291;

/** A live batch of which nothing was left out when it was put in. */
interface PlacedBatch {
  readonly batchId: number;
  /** Index in the shard of ordinal 0. */
  readonly firstIndex: number;
  readonly size: number;
  readonly firstBlock: number;
  readonly lastBlock: number;
  state: 'unknown' | 'wanted' | 'known' | 'unreliable';
  /** Gave a place since the last `prepare`. */
  isUsed: boolean;
  /**
   * Of each block that is known: its number and the ordinal in its first line, in the order of the
   * ordinals.
   */
  blocks: Uint32Array;
  ordinals: Uint32Array;
  /** How many rows a full block of it mostly has, and at least. */
  usualLines: number;
  fewestLines: number;
}

/** Of one shard, in the order of their first indexes. */
interface ShardBatches {
  readonly batches: readonly PlacedBatch[];
  readonly firstIndexes: Uint32Array;
}

interface BatchRow {
  readonly shard: number;
  readonly batchId: number;
  readonly firstIndex: number;
  readonly size: number;
  readonly firstBlock: number;
  readonly lastBlock: number;
}

const NONE = new Uint32Array(0);
const NOTHING_KNOWN = {
  state: 'unknown',
  isUsed: false,
  blocks: NONE,
  ordinals: NONE,
  usualLines: 0,
  fewestLines: 0,
} as const;

export class RowPlaces {
  readonly #shards = new Map<ShardId, ShardBatches>();
  /** `stale`: batches went live since they were read. */
  #read: 'never' | 'stale' | 'fresh' = 'never';
  readonly #wanted = new Set<PlacedBatch>();
  /** What `find` found. */
  block = 0;
  line = 0;

  /**
   * All known places may be out of date: the connection was lost, and the next one may lead to
   * another database.
   */
  forgetAll(): void {
    this.#shards.clear();
    this.#read = 'never';
    this.#wanted.clear();
  }

  /**
   * A place that was returned since the last `prepare` was wrong: no batch that returned one is
   * used again.
   */
  distrust(): void {
    for (const batch of this.#all()) {
      if (!batch.isUsed) continue;
      batch.state = 'unreliable';
      batch.blocks = NONE;
      batch.ordinals = NONE;
    }
  }

  /**
   * Loads positions for batches that `find` missed since the last call, and for batches that went
   * live. Has to be called before `find`.
   */
  async prepare(client: pg.Client): Promise<void> {
    for (const batch of this.#all()) batch.isUsed = false;
    if (this.#read !== 'fresh') await this.#readBatches(client);
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    for (const batch of wanted) await readBlocks(client, batch);
  }

  /** Batches went live: they are read with the next `prepare`. */
  refresh(): void {
    if (this.#read === 'fresh') this.#read = 'stale';
  }

  /** Whether the place of a code that was never used is known; it is in `block` and `line` then. */
  find(shard: ShardId, index: number): boolean {
    const batch = this.#batchOf(shard, index);
    if (batch === null) return false;
    if (batch.state !== 'known') {
      if (batch.state === 'unknown') this.#want(batch);
      return false;
    }
    const ordinal = index - batch.firstIndex;
    const { ordinals } = batch;
    const at = lastNotAbove(ordinals, ordinal);
    if (at === -1) return false;
    const first = ordinals[at] as number;
    const block = batch.blocks[at] as number;
    // Between a block and the next, PostgreSQL may have filled one further in front that had room.
    const isFollowed = batch.blocks[at + 1] === block + 1;
    const untilNext = isFollowed ? (ordinals[at + 1] as number) - first : batch.fewestLines;
    if (ordinal - first >= Math.min(untilNext, batch.usualLines)) return false;
    batch.isUsed = true;
    this.block = block;
    this.line = ordinal - first + 1;
    return true;
  }

  #want(batch: PlacedBatch): void {
    batch.state = 'wanted';
    this.#wanted.add(batch);
  }

  #batchOf(shard: ShardId, index: number): PlacedBatch | null {
    const ofShard = this.#shards.get(shard);
    if (ofShard === undefined) return null;
    const found = ofShard.batches[lastNotAbove(ofShard.firstIndexes, index)];
    return found !== undefined && index < found.firstIndex + found.size ? found : null;
  }

  #all(): PlacedBatch[] {
    return [...this.#shards.values()].flatMap(({ batches }) => batches);
  }

  async #readBatches(client: pg.Client): Promise<void> {
    const known = new Set(this.#all().map(({ batchId }) => batchId));
    const { rows } = await client.query<BatchRow>({
      name: 'placed-batches',
      text: `
        SELECT shard, batch_id AS "batchId", first_index AS "firstIndex", size,
               first_block::int AS "firstBlock", last_block::int AS "lastBlock"
        FROM batches WHERE live_seq IS NOT NULL AND first_index IS NOT NULL AND size >= ${CODES_MIN} AND count = size`,
    });
    const added = new Map<ShardId, PlacedBatch[]>();
    for (const { shard, ...row } of rows) {
      if (known.has(row.batchId)) continue;
      const batch: PlacedBatch = { ...row, ...NOTHING_KNOWN };
      if (this.#read === 'stale') this.#want(batch);
      const list = added.get(asShardId(shard));
      if (list === undefined) added.set(asShardId(shard), [batch]);
      else list.push(batch);
    }
    for (const [shard, list] of added) {
      const batches = [...(this.#shards.get(shard)?.batches ?? []), ...list];
      batches.sort((a, b) => a.firstIndex - b.firstIndex);
      this.#shards.set(shard, { batches, firstIndexes: Uint32Array.from(batches, ({ firstIndex }) => firstIndex) });
    }
    this.#read = 'fresh';
  }
}

/**
 * The last place of an ascending array whose value is not above the one that is looked for; -1 if
 * there is none.
 */
function lastNotAbove(values: Uint32Array, value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * Looks at the first line of each block. Blocks where it is not one of the batch's unused rows stay
 * unknown.
 */
async function readBlocks(client: pg.Client, batch: PlacedBatch): Promise<void> {
  let blocks = new Uint32Array(BLOCKS_FIRST);
  let ordinals = new Uint32Array(BLOCKS_FIRST);
  let length = 0;
  const { firstBlock, lastBlock, batchId } = batch;
  await copyOut(
    client,
    `SELECT b.block, c.ordinal
     FROM generate_series(${firstBlock}, ${lastBlock}) AS b (block)
     JOIN codes AS c ON c.ctid = ('(' || b.block || ',1)')::tid
     WHERE c.batch_id = ${batchId} AND c.seq IS NULL
     ORDER BY c.ordinal`,
    2,
    (row) => {
      if (length === blocks.length) {
        blocks = twice(blocks);
        ordinals = twice(ordinals);
      }
      blocks[length] = row.int4(0);
      ordinals[length++] = row.int4(1);
    },
  );
  batch.blocks = blocks.slice(0, length);
  batch.ordinals = ordinals.slice(0, length);
  countLines(batch);
  batch.state = 'known';
}

/**
 * From blocks that follow each other, of which the second one's first ordinal tells how many rows
 * the first one has.
 */
function countLines(batch: PlacedBatch): void {
  const { blocks, ordinals } = batch;
  const blocksOf = new Uint32Array(LINES_MAX + 1);
  for (let at = 1; at < blocks.length; at++) {
    if (blocks[at] !== (blocks[at - 1] as number) + 1) continue;
    const lines = (ordinals[at] as number) - (ordinals[at - 1] as number);
    if (lines <= LINES_MAX) blocksOf[lines] = (blocksOf[lines] as number) + 1;
  }
  batch.usualLines = blocksOf.indexOf(Math.max(...blocksOf));
  batch.fewestLines = Math.max(
    0,
    blocksOf.findIndex((count) => count > 0),
  );
}

function twice(values: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(values.length * 2);
  larger.set(values);
  return larger;
}
