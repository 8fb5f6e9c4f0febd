/** `clipbook verify`: a line per shard, and the first difference where there is one. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.js';
import { CommandFailed, EXIT } from './failure.js';
import type { Terminal } from './terminal.js';

interface Shard {
  readonly shard: number;
  readonly seq: number;
  readonly codes: number;
  readonly digest: string;
  readonly fromNothing: boolean;
  readonly difference: string | null;
}

const POLL_MS = 200;

/** Rejects with `EXIT.failed` when something differs, or when it could not be found out. */
export async function verify(client: Client, terminal: Terminal, signal: AbortSignal): Promise<void> {
  let verification = await client.call({ method: 'POST', path: '/verifications' });
  const shown: Shard[] = [];
  for (;;) {
    const shards = verification['shards'] as readonly Shard[];
    for (const shard of shards.slice(shown.length)) {
      shown.push(shard);
      terminal.resultLine(lineOf(shard));
    }
    if (verification['status'] !== 'processing') break;
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    // The server finishes it by itself.
    if (signal.aborted) throw new CommandFailed(EXIT.cancelled, 'Cancelled; the server finishes the verification.');
    verification = await client.call({ method: 'GET', path: `/verifications/${String(verification['id'])}` });
  }
  if (verification['status'] === 'failed')
    throw new CommandFailed(EXIT.failed, `It could not be verified: ${String(verification['error'])}`);
  const differing = shown.filter(({ difference }) => difference !== null);
  const codes = shown.reduce((sum, shard) => sum + shard.codes, 0);
  const json = { shards: shown, codes, differing: differing.length };
  if (differing.length === 0) return terminal.result(`${shown.length} shards with ${codes} codes agree.`, json);
  terminal.resultJson(json);
  throw new CommandFailed(EXIT.failed, `${differing.length} of ${shown.length} shards differ.`);
}

function lineOf({ shard, seq, codes, digest, fromNothing, difference }: Shard): string {
  const what = `shard ${shard} at ${seq}, ${codes} codes`;
  if (difference !== null) return `${what}: DIFFERS: ${difference}`;
  const compared = fromNothing
    ? 'PostgreSQL = journal from nothing = memory'
    : 'PostgreSQL with the journal after it = memory';
  return `${what}: ${compared}, ${digest}`;
}
