/**
 * The fence: a transaction of a process that was replaced must not change anything.
 *
 * The row of `installation` names the process that serves. A fenced transaction begins with a look
 * at that row that also locks it (FOR KEY SHARE) until the transaction ends. Taking over locks it
 * FOR UPDATE. So a successor waits for the transactions that have begun, and later ones of its
 * predecessor find another epoch and fail. Renewing the lease changes no key and is held up by
 * neither.
 *
 * BEGIN and the look are one message, so the fence costs no round trip.
 *
 * Every statement of a server that changes a table after the claim runs in a fenced transaction:
 * the projector's, those of the control store's pool, and those of the connections on which batches
 * are staged. The exceptions name the claim in their own condition (the lease in installation.ts),
 * or change nothing that a successor could have decided otherwise (`agreeOnShards`).
 * `clipbook user` works beside a server, whichever that is, and is not fenced.
 */
import type pg from 'pg';
import { ProcessEnd } from '../platform/exit-codes.js';

/** The claim of a process: `epoch` grows with each claim, `holder` is unique. */
export interface Claim {
  readonly epoch: number;
  readonly holder: string;
}

export const claimOver = (): ProcessEnd =>
  new ProcessEnd('fenced', 'another process has taken over this installation (found in PostgreSQL); this one ends');

export interface Fence {
  readonly claim: Claim;
  /** Told each time when the claim is found to be over. */
  readonly onLost?: ((error: ProcessEnd) => void) | undefined;
}

/** Whose transactions are fenced, and by what. */
const fences = new WeakMap<pg.ClientBase, Fence>();

/** From now on each transaction of this connection is fenced. */
export function fenceClient(client: pg.ClientBase, fence: Fence | undefined): void {
  if (fence !== undefined) fences.set(client, fence);
}

/**
 * Begins a transaction with `statement`. Rejects with `ProcessEnd` when the connection is fenced
 * and the claim is over.
 */
export async function beginFenced(client: pg.ClientBase, statement: string): Promise<void> {
  const fence = fences.get(client);
  if (fence === undefined) {
    await client.query(statement);
    return;
  }
  const results = (await client.query(`${statement}; ${lookAt(client, fence.claim)}`)) as unknown as pg.QueryResult[];
  if (results[1]?.rowCount === 1) return;
  const error = claimOver();
  fence.onLost?.(error);
  throw error;
}

/** Several statements in one message take no parameters. */
const lookAt = (client: pg.ClientBase, { epoch, holder }: Claim): string =>
  `SELECT FROM installation WHERE epoch = ${Number(epoch)} AND holder = ${client.escapeLiteral(holder)} FOR KEY SHARE`;
