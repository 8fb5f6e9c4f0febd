/**
 * Has the growing files of the embedded PostgreSQL written to disk early; why is said in
 * src/platform/write-back.ts.
 */
import { startWriteBack, type WriteBack, type WriteBackOptions } from '../../platform/write-back.js';
import { createLink } from '../connection.js';

/** What grows with every code or every change, and its index. */
const RELATIONS = ['codes', 'codes_pkey', 'changes', 'changes_pkey', 'redemptions'];

interface ClusterOptions extends Pick<WriteBackOptions, 'onFailure' | 'sync'> {
  readonly url: string;
  /** PGDATA, as this process reaches it. */
  readonly cluster: string;
}

export function startClusterWriteBack({ url, cluster, ...options }: ClusterOptions): WriteBack {
  const link = createLink(url, () => Promise.resolve());
  const writeBack = startWriteBack({
    ...options,
    folder: cluster,
    // The paths change when a table is rewritten.
    async list() {
      const { rows } = await link.use((client) =>
        client.query<{ path: string | null }>(
          'SELECT pg_relation_filepath(to_regclass(name)) AS path FROM unnest($1::text[]) AS name',
          [RELATIONS],
        ),
      );
      return rows.flatMap(({ path }) => path ?? []);
    },
  });
  return {
    async stop() {
      await writeBack.stop();
      await link.close();
    },
  };
}
