/**
 * Logins to try Clipbook with. Everybody knows their password, so production refuses them by name,
 * whatever its database holds: a database that was begun in development has them, perhaps with
 * another password by now.
 *
 * Two tests of a name are needed. The database says which account a name finds (`lower(email)`, in
 * its own locale), so accounts are compared there. A token carries its email as text and may come
 * from another database; it is compared here.
 */
import type { Role } from '../postgres/store.js';

export const SEEDED_LOGINS: readonly { readonly email: string; readonly password: string; readonly role: Role }[] = [
  { email: 'admin@admin.com', password: 'Password1', role: 'admin' },
  { email: 'user@user.com', password: 'Password1', role: 'user' },
];

export const SEEDED_EMAILS: readonly string[] = SEEDED_LOGINS.map(({ email }) => email);

/**
 * True for every spelling of a seeded address that some locale's `lower` makes equal to it:
 * compatibility forms (the Kelvin sign is a k), the dotted capital I, and the dotless small one.
 */
export function isSeededEmail(email: string): boolean {
  const folded = email.normalize('NFKC').toLowerCase().replaceAll('\u0307', '').replaceAll('ı', 'i').trim();
  return SEEDED_EMAILS.includes(folded);
}
