/** `clipbook verify`: a line per shard, and the first difference where there is one. */
import { type Client, CommandFailed, EXIT } from './client.js';

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
export async function verify(client: Client, signal: AbortSignal): Promise<void> {
  let verification = await client.call({ method: 'POST', path: '/verifications' });
  const shown: Shard[] = [];
  for (;;) {
    const shards = verification['shards'] as readonly Shard[];
    for (const shard of shards.slice(shown.length)) {
      shown.push(shard);
      tell(lineOf(shard));
    }
    if (verification['status'] !== 'processing') break;
    // It goes on in the server, which is the only one that it costs.
    if (signal.aborted) throw new CommandFailed(EXIT.cancelled, 'Not waited for.');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    verification = await client.call({ method: 'GET', path: `/verifications/${String(verification['id'])}` });
  }
  if (verification['status'] === 'failed')
    throw new CommandFailed(EXIT.failed, `It could not be verified: ${String(verification['error'])}`);
  const differing = shown.filter(({ difference }) => difference !== null);
  if (differing.length > 0)
    throw new CommandFailed(EXIT.failed, `${differing.length} of ${shown.length} shards differ.`);
  const codes = shown.reduce((sum, shard) => sum + shard.codes, 0);
  tell(`${shown.length} shards with ${codes} codes agree.`);
}

function lineOf({ shard, seq, codes, digest, fromNothing, difference }: Shard): string {
  const what = `shard ${shard} at ${seq}, ${codes} codes`;
  if (difference !== null) return `${what}: DIFFERS: ${difference}`;
  const compared = fromNothing
    ? 'PostgreSQL = journal from nothing = memory'
    : 'PostgreSQL with the journal after it = memory';
  return `${what}: ${compared}, ${digest}`;
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
