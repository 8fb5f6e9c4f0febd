/**
 * Accounts in PostgreSQL. The server and the command line use the same statements; neither needs
 * the other to run.
 *
 * A server polls for repairs twice a second (`openEndedTokens`). LISTEN/NOTIFY would be faster, but
 * does not work through a pooler that assigns connections per transaction, and a connection that
 * breaks silently would deliver nothing.
 */
import type pg from 'pg';
import { uuidv7 } from 'uuidv7';
import { createLink } from '../connection.js';
import type { Account, AccountRow, AccountStore, EndedTokens, Role } from '../store.js';

/** A pool or a client. */
type Queryable = Pick<pg.Pool, 'query'>;

const COLUMNS = `id, email, role, generation, password_hash AS "passwordHash", created_ms AS "createdMs",
  disabled_ms IS NOT NULL AS "isDisabled"`;

/** Each spelling that this database takes for one of the names in `$n`. */
const isNamedIn = (parameter: string): string =>
  `lower(email) = ANY (ARRAY(SELECT lower(name) FROM unnest(${parameter}::text[]) AS name))`;

const REPAIRED = `generation = generation + 1, repaired_ms = (extract(epoch FROM clock_timestamp()) * 1000)::bigint`;

/** `change` runs what changes an account, in a transaction where there has to be one. */
export function createAccountStore(
  database: Queryable,
  change: <T>(work: (database: Queryable) => Promise<T>) => Promise<T> = (work) => work(database),
): AccountStore {
  async function rows(condition: string, ...values: readonly unknown[]): Promise<readonly AccountRow[]> {
    // `bigint` comes as text.
    const found = await database.query<Omit<AccountRow, 'createdMs'> & { createdMs: string }>(
      `SELECT ${COLUMNS}, ${isNamedIn('$1')} AS "isSeeded" FROM users WHERE ${condition}`,
      [...values],
    );
    return found.rows.map((row) => ({ ...row, createdMs: Number(row.createdMs) }));
  }

  async function repair(id: string, set: string, ...values: readonly unknown[]): Promise<void> {
    await change((to) => to.query(`UPDATE users SET ${set}, ${REPAIRED} WHERE id = $1`, [id, ...values]));
  }

  return {
    async findAccount(email, seededEmails = []) {
      return (await rows('lower(email) = lower($2)', seededEmails, email))[0] ?? null;
    },
    async accountById(id) {
      const found = await database.query<Account>('SELECT id, email, role FROM users WHERE id::text = $1', [id]);
      return found.rows[0] ?? null;
    },
    listAccounts: (seededEmails) => rows('true ORDER BY created_ms, id', seededEmails),
    async createAccount(email, role, passwordHash) {
      const account: Account = { id: uuidv7(), email, role };
      const { rowCount } = await change((to) =>
        to.query(
          `INSERT INTO users (id, email, role, password_hash, created_ms) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (lower(email)) DO NOTHING`,
          [account.id, email, role, passwordHash, Date.now()],
        ),
      );
      return rowCount === 1 ? account : null;
    },
    setPassword: (id, passwordHash) => repair(id, 'password_hash = $2', passwordHash),
    setRole: (id: string, role: Role) => repair(id, 'role = $2', role),
    setDisabled: (id, isDisabled) =>
      repair(id, 'disabled_ms = CASE WHEN $2 THEN coalesce(disabled_ms, $3::bigint) END', isDisabled, Date.now()),
  };
}

/**
 * How long a repair is reported: longer than the lifetime of any token signed before it. A disabled
 * account is reported as long as it is disabled.
 */
const TOLD_MS = 24 * 3_600_000;
/** A connection that says nothing for this long is replaced. */
const READ_MS_MAX = 2_000;

/** `generation` is null where every token is refused. */
const ENDED = `
  SELECT id, CASE WHEN disabled_ms IS NULL THEN generation END AS generation FROM users
  WHERE (generation > 0 OR disabled_ms IS NOT NULL)
    AND (disabled_ms IS NOT NULL OR repaired_ms > extract(epoch FROM clock_timestamp()) * 1000 - ${TOLD_MS})
  UNION ALL
  SELECT id, NULL FROM users WHERE ${isNamedIn('$1')}
  ORDER BY id, generation NULLS FIRST`;

export interface EndedTokensReader {
  /** Ordered, so that equal lists are equal as JSON. */
  read(): Promise<readonly EndedTokens[]>;
  close(): Promise<void>;
}

/**
 * Over a connection of its own, so that no other question is in its way. `refusedEmails`: accounts
 * that have no valid token.
 */
export function openEndedTokens(url: string, refusedEmails: readonly string[]): EndedTokensReader {
  const link = createLink(url, async () => undefined);
  return {
    read: () =>
      link.use(async (client) => {
        const question = { text: ENDED, values: [refusedEmails], query_timeout: READ_MS_MAX };
        const { rows } = await client.query<{ id: string; generation: number | null }>(question);
        return rows.map(({ id, generation }) => ({ accountId: id, before: generation }));
      }),
    close: () => link.close(),
  };
}
