/** People and servers that sign in: passwords checked off the event loop, in the same time whether the email is known or not. */
import { hash, verify } from '@node-rs/argon2';
import type { Account, ControlStore, Role } from '../postgres/store.js';

export interface Accounts {
  signIn(email: string, password: string): Promise<Account | null>;
  create(email: string, password: string, role: Role): Promise<Account | null>;
  /** Logins to try Clipbook with. Never in production. Those that are there already stay as they are. */
  seed(): Promise<void>;
}

export const SEEDED_LOGINS: readonly { readonly email: string; readonly password: string; readonly role: Role }[] = [
  { email: 'admin@admin.com', password: 'Password1', role: 'admin' },
  { email: 'user@user.com', password: 'Password1', role: 'user' },
];

export function createAccounts(store: ControlStore): Accounts {
  // What an unknown email is checked against, so that its answer takes as long as a wrong password's.
  const decoy = hash('no such account');

  async function create(email: string, password: string, role: Role): Promise<Account | null> {
    return store.createAccount(email, role, await hash(password));
  }

  return {
    async signIn(email, password) {
      const account = await store.findAccount(email);
      const matches = await verify(account?.passwordHash ?? (await decoy), password);
      return account !== null && matches ? { id: account.id, email: account.email, role: account.role } : null;
    },
    create,
    async seed() {
      for (const { email, password, role } of SEEDED_LOGINS) {
        if ((await store.findAccount(email)) === null) await create(email, password, role);
      }
    },
  };
}
