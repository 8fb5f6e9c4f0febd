/**
 * The keys that codes are generated from: 256 bits each, of which one is active and the others are
 * kept for batches that have to be made again (control/refill.ts).
 *
 *     GENERATOR_KEY not given    a key is made once and kept in the database
 *     GENERATOR_KEY given        its first key is active; of the given keys, the database has only
 *                                the fingerprints
 *     another key is active      the key before it is retired, and removed from the database when
 *                                the journal's span is over
 *
 * A key's id is a part of its fingerprint, so that it means the same key in a database of an older
 * moment. The key of data from before keys had ids has id 1.
 */
import { createHash, randomBytes } from 'node:crypto';
import type pg from 'pg';

const GENERATOR_KEY_BYTES = 32;

export interface GeneratorKeys {
  readonly activeId: number;
  readonly active: Uint8Array;
  /** Null where nobody has that key any more. */
  byId(id: number): Uint8Array | null;
}

interface KeyRow {
  readonly id: number;
  readonly fingerprint: Buffer;
  readonly secret: Buffer | null;
  /** Null: codes are made with it. */
  readonly retiredMs: number | null;
}

export interface GeneratorKeyOptions {
  /** The active one first. */
  readonly given: readonly Uint8Array[];
  readonly nowMs: number;
  /** How long a retired key is kept in the database. */
  readonly keptMs: number;
}

/**
 * The keys that a start would have now. Nothing is changed. For a database with the schema of this
 * version.
 */
export async function readGeneratorKeys(
  client: pg.ClientBase,
  given: readonly Uint8Array[],
): Promise<Pick<GeneratorKeys, 'byId'>> {
  const rows = await readKeyRows(client);
  const secrets = secretsOf(rows);
  for (const key of given) secrets.set(idIn(rows, fingerprintOf(key)), key);
  return { byId: (id) => secrets.get(id) ?? null };
}

async function readKeyRows(client: pg.ClientBase): Promise<KeyRow[]> {
  const { rows } = await client.query<Omit<KeyRow, 'retiredMs'> & { readonly retiredMs: string | null }>(
    `SELECT id, fingerprint, secret, retired_ms AS "retiredMs" FROM generator_keys ORDER BY created_ms DESC, id`,
  );
  return rows.map((row) => ({ ...row, retiredMs: row.retiredMs === null ? null : Number(row.retiredMs) }));
}

function secretsOf(rows: readonly KeyRow[]): Map<number, Uint8Array> {
  const secrets = new Map<number, Uint8Array>();
  for (const { id, secret } of rows) if (secret !== null) secrets.set(id, secret);
  return secrets;
}

const idIn = (rows: readonly KeyRow[], fingerprint: Buffer): number =>
  rows.find((row) => row.fingerprint.equals(fingerprint))?.id ?? idOf(fingerprint);

/**
 * Within a transaction. `isReplaced`: a new key was made, although codes were made with another one
 * that nobody has given. `lacking`: keys that codes of the last `keptMs` may be made with, and that
 * are neither given nor kept.
 */
export async function openGeneratorKeys(
  client: pg.Client,
  { given, nowMs, keptMs }: GeneratorKeyOptions,
): Promise<GeneratorKeys & { readonly isReplaced: boolean; readonly lacking: readonly number[] }> {
  await client.query('LOCK TABLE generator_keys IN EXCLUSIVE MODE');
  const rows = await readKeyRows(client);
  const secrets = secretsOf(rows);

  const add = async (key: Uint8Array, isGiven: boolean): Promise<number> => {
    const fingerprint = fingerprintOf(key);
    const id = idIn(rows, fingerprint);
    secrets.set(id, key);
    await client.query(
      `INSERT INTO generator_keys (id, fingerprint, secret, created_ms) VALUES ($1, $2, $3, $4)
       ON CONFLICT (id) DO UPDATE SET secret = excluded.secret`,
      [id, fingerprint, isGiven ? null : key, nowMs],
    );
    return id;
  };

  const givenIds: number[] = [];
  for (const key of given) givenIds.push(await add(key, true));
  const kept = rows.find(({ secret, retiredMs }) => secret !== null && retiredMs === null)?.id;
  const found = givenIds[0] ?? kept;
  const activeId = found ?? (await add(randomBytes(GENERATOR_KEY_BYTES), false));
  await client.query('UPDATE generator_keys SET retired_ms = NULL WHERE id = $1', [activeId]);
  await client.query('UPDATE generator_keys SET retired_ms = $2 WHERE id <> $1 AND retired_ms IS NULL', [
    activeId,
    nowMs,
  ]);
  await client.query('UPDATE generator_keys SET secret = NULL WHERE retired_ms < $1', [Math.floor(nowMs - keptMs)]);

  const { rows: used } = await client.query<{ id: number }>('SELECT DISTINCT key_id AS id FROM generated');
  const lacking = rows
    .filter(({ id, retiredMs }) => !secrets.has(id) && (retiredMs === null || retiredMs >= nowMs - keptMs))
    .map(({ id }) => id)
    .filter((id) => used.some((of) => of.id === id));

  const active = secrets.get(activeId);
  if (active === undefined) throw new Error(`the generator key ${activeId} has no secret`);
  return {
    activeId,
    active,
    byId: (id) => secrets.get(id) ?? null,
    isReplaced: found === undefined && rows.length > 0,
    lacking,
  };
}

const fingerprintOf = (key: Uint8Array): Buffer => createHash('sha256').update(key).digest();

/** 30 bits, and never 0 or 1. */
const idOf = (fingerprint: Buffer): number => 2 + (fingerprint.readUInt32BE(0) >>> 2);
