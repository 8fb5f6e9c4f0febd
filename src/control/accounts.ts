/**
 * People and servers that sign in: passwords checked off the event loop, in the same time whether
 * the email is known or not.
 */
import { hash, verify } from '@node-rs/argon2';
import { ControlError } from '../engine/engine.js';
import type { Account, AccountStore, Role } from '../postgres/store.js';
import { isSeededEmail, SEEDED_EMAILS, SEEDED_LOGINS } from './seeded-logins.js';

export interface Accounts {
  /**
   * Null for an unknown email, a wrong password, a disabled account, and a seeded login in
   * production: in the same time.
   */
  signIn(email: string, password: string): Promise<Account | null>;
  create(email: string, password: string, role: Role): Promise<Account | null>;
  /** Not in production. Logins that are there already stay as they are. */
  seed(): Promise<void>;
}

export const hashPassword = (password: string): Promise<string> => hash(password);

export function createAccounts(store: AccountStore, { isProduction }: { readonly isProduction: boolean }): Accounts {
  // Hash that is verified for an unknown email, so that its answer takes as long as a wrong
  // password's.
  const decoy = hash('no such account');

  return {
    async signIn(email, password) {
      const account = await store.findAccount(email, SEEDED_EMAILS);
      const matches = await verify(account?.passwordHash ?? (await decoy), password);
      if (account === null || !matches || account.isDisabled) return null;
      if (isProduction && (account.isSeeded || isSeededEmail(email))) return null;
      return { id: account.id, email: account.email, role: account.role, generation: account.generation };
    },
    async create(email, password, role) {
      if (isProduction && isSeededEmail(email)) throw new ControlError('invalid', `${email} never signs in here.`);
      return store.createAccount(email, role, await hashPassword(password));
    },
    async seed() {
      for (const { email, password, role } of SEEDED_LOGINS) {
        if ((await store.findAccount(email, SEEDED_EMAILS)) !== null) continue;
        await store.createAccount(email, role, await hashPassword(password));
      }
    },
  };
}
