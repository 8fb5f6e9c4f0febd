#!/usr/bin/env node
/** `clipbook`: the server, and what one does with it from a terminal. Everything but `serve` and `user` speaks the HTTP API. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type Client, CommandFailed, createClient, EXIT } from './client.js';
import { exportCodes, generateCodes, type ImportOptions, importFile } from './commands.js';
import { addUserCommands } from './user.js';
import { verify } from './verify.js';

const QUANTITY_MAX = 10_000_000;
const STATUSES = ['available', 'assigned', 'locked', 'redeemed'];

const aborting = new AbortController();
// The first Ctrl-C cancels; the second one ends at once, as it would without this.
process.once('SIGINT', () => aborting.abort());
process.once('SIGTERM', () => aborting.abort());

const program = new Command('clipbook').description('A self-hosted coupon engine.').exitOverride();

program.command('serve').description('Start the server. It is configured by the environment.').action(serve);

addUserCommands(program, aborting.signal);

speaking('import <file>', 'Bring in codes from a .csv, .ndjson or .json file.')
  .requiredOption('--book <id>', 'the coupon book')
  .option('--column <column>', 'the column of a .csv by name or number, or the field of .ndjson; else code')
  .addOption(new Option('--header <is>', 'whether the first row of a .csv is a header').choices(['present', 'absent']))
  .option('--skip <lines>', 'lines of a .csv to leave out at the beginning')
  .action((file: string, { book, ...options }: { book: string } & ImportOptions, command: Command) =>
    importFile(clientOf(command), file, book, options, aborting.signal),
  );

speaking('generate', 'Generate codes.')
  .requiredOption('--book <id>', 'the coupon book')
  .requiredOption('--quantity <n>', `how many, at most ${QUANTITY_MAX}`, parseQuantity)
  .option('--pattern <pattern>', "what they look like; without it the book's own, else four groups of four")
  .action(({ book, quantity, pattern }: { book: string; quantity: number; pattern?: string }, command: Command) =>
    generateCodes(clientOf(command), book, quantity, pattern ?? null, aborting.signal),
  );

speaking('export', 'Write the codes of a book as CSV, with status and times.')
  .requiredOption('--book <id>', 'the coupon book')
  .option('--out <file>', 'where to; without it, the standard output')
  .addOption(new Option('--status <status>', 'only these').choices(STATUSES))
  .addOption(new Option('--for <reader>', 'make formulas harmless, and let Excel read UTF-8').choices(['spreadsheet']))
  .action(
    ({ book, out, ...options }: { book: string; out?: string; status?: string; for?: string }, command: Command) =>
      exportCodes(clientOf(command), book, out ?? null, options, aborting.signal),
  );

speaking(
  'verify',
  'Compare memory, journal and PostgreSQL of a running server, shard by shard. Needs an administrator.',
).action((_options: object, command: Command) => verify(clientOf(command), aborting.signal));

speaking('token', 'Print an access token.').action(async (_options: object, command: Command) => {
  process.stdout.write(`${await clientOf(command).token()}\n`);
});

await main();

async function main(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    // Commander has printed its own.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    else {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = error instanceof CommandFailed ? error.exitCode : EXIT.failed;
    }
  }
}

function speaking(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .addOption(new Option('--url <url>', 'the server').env('CLIPBOOK_URL').default('http://127.0.0.1:3000'))
    .addOption(new Option('--token <token>', 'an access token').env('CLIPBOOK_TOKEN'))
    .option('--email <email>', 'sign in with this')
    .option('--password <password>', 'and this');
}

function clientOf(command: Command): Client {
  const { url, token, email, password } = command.opts<{
    url: string;
    token?: string;
    email?: string;
    password?: string;
  }>();
  if (!URL.canParse(url)) throw new CommandFailed(EXIT.usage, `${url} is no URL.`);
  // An empty variable counts as one that is not given.
  return createClient(url, { token: token || null, email: email ?? null, password: password ?? null });
}

function parseQuantity(text: string): number {
  const quantity = /^\d{1,8}$/.test(text) ? Number(text) : 0;
  if (quantity < 1 || quantity > QUANTITY_MAX)
    throw new InvalidArgumentError(`a whole number from 1 to ${QUANTITY_MAX}`);
  return quantity;
}

/** A process of its own, as `npm start` has it; signals go on to it, and its exit code comes back. */
async function serve(): Promise<void> {
  const entry = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, entry], { stdio: 'inherit' });
  aborting.signal.addEventListener('abort', () => child.kill('SIGTERM'));
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? EXIT.failed;
}
