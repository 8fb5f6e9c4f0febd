/**
 * The table of commands: what can be typed, and what is run. Building it has no effect, so
 * docs/cli.md is made from it.
 *
 * A command that speaks to a server is declared with `speaking`, which gives it the options of the
 * connection. A command that works without one is declared on `program` directly. Both throw
 * `CommandFailed`.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { packageVersion } from '../platform/version.js';
import { type Client, createClient } from './client.js';
import { signInOf } from './credentials.js';
import { exportCodes } from './export.js';
import { CommandFailed, EXIT, EXIT_MEANINGS } from './failure.js';
import { generateCodes } from './generate.js';
import { IMPORT_FORMATS, type ImportFormat, importCodes } from './import.js';
import { addPromotionCommands } from './promotion.js';
import { serve } from './serve.js';
import type { StoresCommand } from './stores.js';
import { createTerminal, type Terminal } from './terminal.js';
import { addUserCommands } from './user.js';
import { verify } from './verify.js';

const QUANTITY_MAX = 10_000_000;
const STATUSES = ['available', 'assigned', 'locked', 'redeemed'];
const URL_DEFAULT = 'http://127.0.0.1:3000';

const MOVE_HELP = `
It reads the embedded database under DATA_DIR and fills the empty database that TARGET_DATABASE_URL (or
TARGET_DATABASE_URL_FILE) names, in one transaction. The embedded one stays as it is. The journal under DATA_DIR goes on
with the new database: docs/production.md.
`;

interface Session {
  readonly client: Client;
  readonly terminal: Terminal;
}

/** `signal` cancels what is under way. */
export function createProgram(signal: AbortSignal): Command {
  const program = new Command('clipbook')
    .description('A self-hosted coupon engine: the server, and commands that work on a running one.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .configureOutput({ outputError: (text, write) => write(text) })
    .addHelpText('after', `\nVariables:\n${table(VARIABLES)}\n\nExit codes:\n${table(EXIT_CODES)}`)
    .exitOverride();

  program
    .command('serve')
    .description('Start the server. It is configured by the environment: docs/configuration.md.')
    .option(
      '--accept-clock',
      "start although this machine's clock is more than an hour behind the last change in the journal; see docs/production.md#clocks",
    )
    .action(({ acceptClock = false }: { acceptClock?: boolean }) =>
      serve(signal, acceptClock ? ['--accept-clock'] : []),
    );

  addUserCommands(program, signal);
  addStoresCommands(program);

  program
    .command('move-database')
    .description('Copy the embedded database into your own PostgreSQL. The server must be stopped.')
    .addHelpText('after', MOVE_HELP)
    .action(async () => {
      // What talks to PostgreSQL takes a moment to load, and few commands need it.
      const { moveDatabase } = await import('./move-database.js');
      await moveDatabase(signal);
    });

  speaking(program, 'import', 'Add codes to a book, from a file or the standard input.', { hasJson: true })
    .argument('<file>', 'a .csv, .txt, .ndjson, .jsonl or .json file, or - for the standard input')
    .addOption(bookOption())
    .addOption(
      new Option('--format <format>', 'by the name of the file; csv for the standard input').choices(IMPORT_FORMATS),
    )
    .option('--column <column>', 'the column of a .csv by name or number, or the field of .ndjson; else code')
    .addOption(
      new Option('--header <is>', 'whether the first row of a .csv is a header').choices(['present', 'absent']),
    )
    .addOption(new Option('--skip <lines>', 'lines of a .csv to leave out at the beginning').argParser(parseSkip))
    .addOption(keyOption())
    .action(async (file: string, options: ImportFlags, command: Command) => {
      const { book, format = null, idempotencyKey = null, column, header, skip } = options;
      const reading = { column, header, skip };
      const { client, terminal } = session(command);
      if (file === '-' && command.opts()['passwordStdin'] === true)
        throw new CommandFailed(EXIT.usage, 'The standard input cannot hold both the codes and the password.');
      await importCodes(client, { file, book, format, idempotencyKey, reading }, terminal, signal);
    });

  speaking(program, 'generate', 'Generate codes into a book.', { hasJson: true })
    .addOption(bookOption())
    .requiredOption('--quantity <n>', `how many, 1 to ${QUANTITY_MAX}`, parseQuantity)
    .option('--pattern <pattern>', "what they look like; without it the book's pattern, else four groups of four")
    .addOption(keyOption())
    .action(async (options: GenerateFlags, command: Command) => {
      const { book, quantity, pattern = null, idempotencyKey = null } = options;
      const { client, terminal } = session(command);
      await generateCodes(client, { book, quantity, pattern, idempotencyKey }, terminal, signal);
    });

  speaking(program, 'export', 'Write the codes of a book as CSV, with their status and times.', { hasJson: true })
    .addOption(bookOption())
    .option('--out <file>', 'where to; - is the standard output', '-')
    .addOption(new Option('--status <status>', 'only codes of this status').choices(STATUSES))
    .addOption(
      new Option('--for <reader>', 'make formulas harmless, and let Excel read UTF-8').choices(['spreadsheet']),
    )
    .action(async (options: ExportFlags, command: Command) => {
      const { book, out, status, for: reader } = options;
      const { client, terminal } = session(command);
      await exportCodes(client, { book, out, status, reader }, terminal, signal);
    });

  addPromotionCommands(
    program,
    {
      speaking: (parent, name, description) => speaking(parent, name, description, { hasJson: true }),
      session,
      keyOption,
    },
    signal,
  );

  speaking(program, 'verify', 'Compare memory, journal and PostgreSQL of a running server. Needs an administrator.', {
    hasJson: true,
  }).action(async (_options: object, command: Command) => {
    const { client, terminal } = session(command);
    await verify(client, terminal, signal);
  });

  speaking(program, 'token', 'Sign in with an email and a password, and print an access token.', {
    hasJson: false,
  }).action(async (_options: object, command: Command) => {
    // Not a token that is known already: this is how one gets a new one.
    const { client, terminal } = session(command, {
      ...process.env,
      CLIPBOOK_TOKEN: undefined,
      CLIPBOOK_TOKEN_FILE: undefined,
    });
    const token = await client.token();
    terminal.resultLine(token);
  });

  function session(command: Command, environment: NodeJS.ProcessEnv = process.env): Session {
    const { url, email, passwordStdin, quiet, json } = command.opts<SpeakingFlags>();
    const terminal = createTerminal({ isQuiet: quiet === true, isJson: json === true });
    const signIn = signInOf({ email, passwordStdin: passwordStdin === true }, environment, signal);
    return { client: createClient({ url, signIn, signal, note: terminal.note }), terminal };
  }

  return program;
}

const OFFLINE_HELP = `
It works on the stores that the environment names, as the server's (docs/configuration.md), and only while no server has
them. Run it as the user that runs the server, or as root.
`;

function addStoresCommands(program: Command): void {
  program
    .command('restore')
    .description('Compare the journal with PostgreSQL, shard by shard, and settle what does not fit.')
    .addOption(new Option('--accept-loss', 'go on at the next start without what does not fit').conflicts('asNew'))
    .option('--as-new', 'give all stores a new id, after they were copied together')
    .addHelpText('after', OFFLINE_HELP)
    .action(({ acceptLoss, asNew }: { acceptLoss?: boolean; asNew?: boolean }) =>
      runStores({ kind: acceptLoss === true ? 'acceptLoss' : asNew === true ? 'asNew' : 'report' }),
    );
  program
    .command('init')
    .description('Remove an earlier installation from the journal, for an empty database.')
    .requiredOption('--new-installation', 'say that a new installation is wanted')
    .option('--replace <id>', 'the installation that goes; without it, its id is shown and nothing changes')
    .addHelpText('after', OFFLINE_HELP)
    .action(({ replace }: { replace?: string }) => runStores({ kind: 'newInstallation', replace: replace ?? null }));
}

/** What talks to the stores takes a moment to load, and no other command needs it. */
async function runStores(command: StoresCommand): Promise<void> {
  const { runStoresCommand } = await import('./stores.js');
  await runStoresCommand(command);
}

interface SpeakingFlags {
  readonly url: URL;
  readonly email?: string;
  readonly passwordStdin?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

interface ImportFlags {
  readonly book: string;
  readonly format?: ImportFormat;
  readonly column?: string;
  readonly header?: string;
  readonly skip?: string;
  readonly idempotencyKey?: string;
}

interface GenerateFlags {
  readonly book: string;
  readonly quantity: number;
  readonly pattern?: string;
  readonly idempotencyKey?: string;
}

interface ExportFlags {
  readonly book: string;
  readonly out: string;
  readonly status?: string;
  readonly for?: string;
}

function speaking(
  program: Command,
  name: string,
  description: string,
  { hasJson }: { readonly hasJson: boolean },
): Command {
  const command = program
    .command(name)
    .description(description)
    .addOption(
      new Option('--url <url>', 'the server')
        .env('CLIPBOOK_URL')
        .default(new URL(URL_DEFAULT), URL_DEFAULT)
        .argParser(parseUrl),
    )
    .option('--email <email>', 'sign in as this account')
    .option('--password-stdin', 'read the password from the first line of the standard input')
    .option('--quiet', 'no progress and no notes, only results and errors')
    .addOption(secretOption('--password <password>', 'CLIPBOOK_PASSWORD, --password-stdin or the terminal'))
    .addOption(secretOption('--token <token>', 'CLIPBOOK_TOKEN'));
  if (hasJson) command.option('--json', 'print the result as JSON');
  return command;
}

const bookOption = (): Option =>
  new Option('--book <id>', 'the coupon book').makeOptionMandatory().argParser(parseBookId);

const keyOption = (): Option =>
  new Option('--idempotency-key <key>', 'a repeated command with the same key has its effect once').argParser(parseKey);

/** Refused, because every user of the machine can see the arguments of a command. */
function secretOption(flags: string, instead: string): Option {
  const [name = flags] = flags.split(' ');
  return new Option(flags).hideHelp().argParser(() => {
    const message = `option '${name}' is not accepted, because other users of this machine can see arguments.`;
    throw new CommandFailed(EXIT.usage, message, [`Use ${instead} instead.`]);
  });
}

function parseUrl(text: string): URL {
  const allowed = `Allowed are addresses such as ${URL_DEFAULT} or https://coupons.example.com.`;
  if (!URL.canParse(text)) throw new InvalidArgumentError(allowed);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new InvalidArgumentError(allowed);
  return url;
}

function parseBookId(text: string): string {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return text;
  throw new InvalidArgumentError('Allowed is the id of a book, a UUID.');
}

function parseQuantity(text: string): number {
  const quantity = /^\d{1,8}$/.test(text) ? Number(text) : 0;
  if (quantity >= 1 && quantity <= QUANTITY_MAX) return quantity;
  throw new InvalidArgumentError(`Allowed is a whole number from 1 to ${QUANTITY_MAX}.`);
}

function parseSkip(text: string): string {
  if (/^\d{1,9}$/.test(text)) return text;
  throw new InvalidArgumentError('Allowed is a whole number from 0.');
}

function parseKey(text: string): string {
  if (/^[\x21-\x7e]{1,255}$/.test(text)) return text;
  throw new InvalidArgumentError('Allowed are 1 to 255 visible ASCII characters.');
}

export const VARIABLES: readonly (readonly [string, string])[] = [
  ['CLIPBOOK_URL', 'the server, where --url does not name it'],
  ['CLIPBOOK_TOKEN', 'an access token; CLIPBOOK_TOKEN_FILE names a file with one'],
  ['CLIPBOOK_EMAIL', 'sign in as this account, where neither --email nor CLIPBOOK_TOKEN is given'],
  ['CLIPBOOK_PASSWORD', 'its password; CLIPBOOK_PASSWORD_FILE names a file with it; else the terminal is asked'],
  ['CLIPBOOK_DEBUG', '1: show the stack of an unexpected error'],
];

export const EXIT_CODES: readonly (readonly [string, string])[] = Object.entries(EXIT).map(([name, code]) => [
  String(code),
  EXIT_MEANINGS[name as keyof typeof EXIT],
]);

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`).join('\n');
}
