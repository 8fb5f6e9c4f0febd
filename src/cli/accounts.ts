/** What `clipbook user` does, in the database that the environment names. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { type AccountConfig, ConfigError, parseAccountConfig } from '../compose/config.js';
import { hashPassword } from '../control/accounts.js';
import { isSeededEmail, SEEDED_EMAILS } from '../control/seeded-logins.js';
import { connect, endQuietly } from '../postgres/connection.js';
import { createAccountStore } from '../postgres/control/account-store.js';
import { migrate, missingMigrations } from '../postgres/migrate.js';
import type { AccountRow, AccountStore, Role } from '../postgres/store.js';
import { CommandFailed, EXIT } from './failure.js';
import { unreachable, visitOwnDatabase } from './own-database.js';
import { newPassword } from './password.js';

export type AccountCommand =
  | { readonly kind: 'create'; readonly email: string; readonly role: Role }
  | { readonly kind: 'list' }
  | { readonly kind: 'passwd' | 'disable' | 'enable'; readonly email: string }
  | { readonly kind: 'role'; readonly email: string; readonly role: Role };

/** Rejects with `CommandFailed`; then nothing was changed. */
export async function runAccountCommand(command: AccountCommand, signal: AbortSignal): Promise<void> {
  const config = readConfig();
  const isProduction = config.environment === 'production';
  refuseSeeded(command, isProduction);
  refuseMissingDatabase(command, config);
  // Asked for before anything is opened: an embedded PostgreSQL that waits for somebody to type
  // would keep a server out.
  const needsPassword = command.kind === 'create' || command.kind === 'passwd';
  const passwordHash = needsPassword ? await hashPassword(await newPassword(config.password, signal)) : '';
  await inDatabase(config, (store) => run(store, command, { passwordHash, isProduction }));
}

function readConfig(): AccountConfig {
  try {
    return parseAccountConfig(process.env);
  } catch (error) {
    if (error instanceof ConfigError) throw new CommandFailed(EXIT.usage, error.message);
    throw error;
  }
}

/**
 * A known password makes a seeded login no account of anybody; in production it could not be used
 * anyway.
 */
function refuseSeeded(command: AccountCommand, isProduction: boolean): void {
  if (command.kind === 'list' || !isSeededEmail(command.email)) return;
  if (command.kind === 'create' || (isProduction && command.kind !== 'disable'))
    throw new CommandFailed(
      EXIT.refused,
      `${command.email} is a seeded login, which never signs in in production; choose another address.`,
    );
}

/**
 * Only `create` makes a database: another command that finds none was started with a wrong
 * DATA_DIR.
 */
function refuseMissingDatabase(command: AccountCommand, { databaseUrl, dataDir }: AccountConfig): void {
  if (command.kind === 'create' || databaseUrl !== null) return;
  const home = join(dataDir, 'postgres');
  if (!isMissing(home)) return;
  throw new CommandFailed(
    EXIT.usage,
    `There is no database in ${home}; nothing was changed. Set DATA_DIR or DATABASE_URL as for the server.`,
  );
}

function isMissing(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    // It may be there for the user that it belongs to.
    return false;
  }
}

interface Choice {
  readonly passwordHash: string;
  readonly isProduction: boolean;
}

async function run(
  store: AccountStore,
  command: AccountCommand,
  { passwordHash, isProduction }: Choice,
): Promise<void> {
  switch (command.kind) {
    case 'create': {
      const { email, role } = command;
      const account = await store.createAccount(email, role, passwordHash);
      if (account === null)
        throw new CommandFailed(
          EXIT.refused,
          `An account ${email} exists already; use passwd, role or enable to change it.`,
        );
      tell(`created ${email} with the role ${role}`);
      return;
    }
    case 'list':
      return list(await store.listAccounts(SEEDED_EMAILS), isProduction);
    case 'passwd': {
      const { id, email, isDisabled } = await find(store, command.email);
      await store.setPassword(id, passwordHash);
      tell(`${email} has a new password; its earlier tokens have ended`);
      if (isDisabled) note(`${email} is disabled; use enable to let it sign in.`);
      return;
    }
    case 'role': {
      const { id, email } = await find(store, command.email);
      await store.setRole(id, command.role);
      tell(`${email} has the role ${command.role}; its earlier tokens have ended`);
      return noteAdminless(store, isProduction);
    }
    case 'disable': {
      const { id, email } = await find(store, command.email);
      await store.setDisabled(id, true);
      tell(`${email} is disabled; its tokens have ended`);
      return noteAdminless(store, isProduction);
    }
    case 'enable': {
      const { id, email } = await find(store, command.email);
      await store.setDisabled(id, false);
      tell(`${email} may sign in`);
    }
  }
}

async function find(store: AccountStore, email: string): Promise<AccountRow> {
  const account = await store.findAccount(email, SEEDED_EMAILS);
  if (account === null) throw new CommandFailed(EXIT.refused, `There is no account ${email}.`);
  return account;
}

function list(accounts: readonly AccountRow[], isProduction: boolean): void {
  const rows = accounts.map(({ email, role, isDisabled, isSeeded, createdMs }) => [
    email,
    role,
    isProduction && isSeeded ? 'refused (seeded)' : isDisabled ? 'disabled' : 'active',
    new Date(createdMs).toISOString(),
  ]);
  const table = [['EMAIL', 'ROLE', 'STATE', 'CREATED'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  for (const row of table) tell(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
}

async function noteAdminless(store: AccountStore, isProduction: boolean): Promise<void> {
  const accounts = await store.listAccounts(SEEDED_EMAILS);
  const canAdminister = ({ role, isDisabled, isSeeded }: AccountRow): boolean =>
    role === 'admin' && !isDisabled && !(isProduction && isSeeded);
  if (!accounts.some(canAdminister)) note('No admin is left that can sign in.');
}

// --- the database --------------------------------------------------------------------------------

/** Of an embedded PostgreSQL that another process stops while it is used here. */
const TRIES_MAX = 5;

async function inDatabase(config: AccountConfig, work: (store: AccountStore) => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    const visit = config.databaseUrl === null ? await visitOwnDatabase(config.dataDir) : null;
    const url = visit?.url ?? String(config.databaseUrl);
    try {
      await bringUp(url, visit?.isOurs === true);
      const client = await connect(url);
      try {
        return await work(createAccountStore(client));
      } finally {
        await endQuietly(client);
      }
    } catch (error) {
      if (error instanceof CommandFailed) throw error;
      if (visit?.isOurs === false && tries < TRIES_MAX) continue;
      const { host, port } = new pg.Client(url);
      throw unreachable(`PostgreSQL at ${host}:${port} (${visit === null ? 'DATABASE_URL' : 'DATA_DIR'})`, error);
    } finally {
      await visit?.close();
    }
  }
}

/**
 * A database that a server may be using is only made, never changed: that server may be of another
 * version.
 */
async function bringUp(url: string, isOurs: boolean): Promise<void> {
  const { missing, isEmpty } = await missingMigrations(url);
  if (missing.length === 0) return;
  if (!isEmpty && !isOurs)
    throw new CommandFailed(
      EXIT.refused,
      'This database is of an older version of Clipbook; start the server of this version once, which updates it.',
    );
  await migrate(url);
}

const tell = (line: string): void => void process.stdout.write(`${line}\n`);
const note = (line: string): void => void process.stderr.write(`${line}\n`);
