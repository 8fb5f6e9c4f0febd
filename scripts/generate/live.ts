/**
 * Makes src/records/live.generated.ts: what live clients see of events. It holds values only, so
 * the live thread loads no rules.
 */
import { fieldsOf } from '../../src/records/declare.js';
import { events } from './declarations.js';
import { scopePathOf } from './scope.js';
import { generatedFile } from './source.js';

export function liveSource(): string {
  const entries = events.flatMap((declared) => {
    const { kind, number, fields, shownAs, live, detail, snapshot } = declared;
    if (shownAs === null || live === null) return [];
    const forms = Object.fromEntries(fieldsOf(fields).map(([name, { form }]) => [name, form]));
    return [
      JSON.stringify({
        kind,
        number,
        name: shownAs,
        live,
        scope: scopePathOf(declared),
        fields: forms,
        detail,
        snapshot,
      }),
    ];
  });
  return generatedFile(
    'The events that live clients see.',
    [
      { types: ['LiveOptions', 'SnapshotMethod'], from: './declare.js' },
      { types: ['Form'], from: './fields.js' },
    ],
    `export interface LiveDeclaration {
  readonly kind: string;
  /** In the column \`changes.kind\`. */
  readonly number: number;
  /** The name that clients see. */
  readonly name: string;
  readonly live: LiveOptions;
  /** The path of the book or the campaign in it. */
  readonly scope: string;
  /** The form of each of its fields. */
  readonly fields: Readonly<Record<string, Form>>;
  /** The fields that the audit row keeps in \`detail\`. */
  readonly detail: readonly string[];
  readonly snapshot: SnapshotMethod | null;
}

export const liveDeclarations: readonly LiveDeclaration[] = [
  ${entries.join(',\n')},
];`,
  );
}
