/** `clipbook user`: accounts in the database itself. It needs no token, and no server that runs. */
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { accountEmail, ROLES } from '../control/account-rules.js';
import type { AccountCommand } from './accounts.js';

const HELP = `
The accounts are those of the database that the environment names: DATABASE_URL (or DATABASE_URL_FILE), else the embedded
one under DATA_DIR, which is started for the moment when no server runs. Run it as the user that runs the server, or as
root. A running server follows within a second: every change but \`create\` ends the tokens that the account had before.

A new password (12 to 128 characters) comes from CLIPBOOK_PASSWORD, from the file that CLIPBOOK_PASSWORD_FILE names, from
the terminal, or from standard input; never from an argument.

Exit codes:
  0    done
  1    failed
  2    used wrongly: a bad argument or variable, or a password that is not allowed
  3    refused: no such account, it exists already, or it is one of the seeded logins
  4    the database can not be reached
  130  cancelled; nothing was changed
`;

export function addUserCommands(program: Command, signal: AbortSignal): void {
  const user = program
    .command('user')
    .description('Make and repair accounts. It needs no token and no running server.');
  user.addHelpText('after', HELP);
  const email = () => new Argument('<email>', 'the account').argParser(parseEmail);
  const run = (command: AccountCommand): Promise<void> => runCommand(command, signal);

  user
    .command('create')
    .description('Make an account.')
    .addArgument(email())
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).default('user'))
    .action((name: string, { role }: { role: (typeof ROLES)[number] }) => run({ kind: 'create', email: name, role }));
  user
    .command('list')
    .description('List all accounts, the oldest first.')
    .action(() => run({ kind: 'list' }));
  user
    .command('passwd')
    .description('Give an account a new password. Ends its tokens.')
    .addArgument(email())
    .action((name: string) => run({ kind: 'passwd', email: name }));
  user
    .command('role')
    .description('Give an account another role. Ends its tokens.')
    .addArgument(email())
    .addArgument(new Argument('<role>', 'what it may do').choices(ROLES))
    .action((name: string, role: (typeof ROLES)[number]) => run({ kind: 'role', email: name, role }));
  user
    .command('disable')
    .description('Keep an account from signing in. Ends its tokens.')
    .addArgument(email())
    .action((name: string) => run({ kind: 'disable', email: name }));
  user
    .command('enable')
    .description('Let a disabled account sign in again. Its earlier tokens stay ended.')
    .addArgument(email())
    .action((name: string) => run({ kind: 'enable', email: name }));
}

/** What talks to PostgreSQL takes a moment to load, and no other command needs it. */
async function runCommand(command: AccountCommand, signal: AbortSignal): Promise<void> {
  const { runAccountCommand } = await import('./accounts.js');
  await runAccountCommand(command, signal);
}

function parseEmail(text: string): string {
  if (accountEmail.safeParse(text).success) return text;
  throw new InvalidArgumentError('It is not an email address.');
}
