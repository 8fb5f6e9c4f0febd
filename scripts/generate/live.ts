/**
 * Makes src/followers/live/live-declarations.generated.ts: what live clients see of events. It
 * holds values only, so the live thread loads no rules.
 */
import { events } from './declarations.js';
import { generatedFile } from './source.js';

export function liveSource(): string {
  const entries = events.flatMap(({ kind, number, fields, shownAs, live, detail, snapshot }) => {
    if (shownAs === null || live === null) return [];
    return [JSON.stringify({ kind, number, name: shownAs, live, fields: Object.keys(fields), detail, snapshot })];
  });
  return generatedFile(
    'The events that live clients see.',
    [{ types: ['LiveOptions', 'SnapshotMethod'], from: '../../records/declare.js' }],
    `export interface LiveDeclaration {
  readonly kind: string;
  /** In the column \`changes.kind\`. */
  readonly number: number;
  /** The name that clients see. */
  readonly name: string;
  readonly live: LiveOptions;
  /** The names of its fields. */
  readonly fields: readonly string[];
  /** The fields that the audit row keeps in \`detail\`. */
  readonly detail: readonly string[];
  readonly snapshot: SnapshotMethod | null;
}

export const liveDeclarations: readonly LiveDeclaration[] = [
  ${entries.join(',\n')},
];`,
  );
}
