/** Makes src/postgres/projection/event-rows.generated.ts: events as rows of the projection. */
import { type CodeColumn, type EventDeclaration, fieldsOf } from '../../src/records/declare.js';
import type { Field } from '../../src/records/fields.js';
import { events, pathOf } from './declarations.js';
import { scopePathOf } from './scope.js';
import { type CodeOf, codeFor, generatedFile } from './source.js';

/** A value in the data of a COPY. */
const WRITE: CodeOf<(value: string) => string> = {
  text: (value) => `rows.text(${value})`,
  textOrNull: (value) => `rows.textOrNull(${value})`,
  bookId: (value) => `rows.uuid(${value})`,
  scopeId: (value) => `rows.uuid(${value})`,
  campaignId: (value) => `rows.uuid(${value})`,
  code: (value) => `rows.text(${value})`,
  subject: (value) => `rows.text(${value})`,
  subjectOrNull: (value) => `rows.textOrNull(${value})`,
  caller: (value) => `rows.text(${value})`,
  redemptionId: (value) => `rows.uuid(${value})`,
  seq: (value) => `rows.int8OrNull(${value} > 0 ? ${value} : null)`,
  integer: (value) => `rows.int8(${value})`,
  integerOrNull: (value) => `rows.int8OrNull(${value})`,
  count: (value) => `rows.int4(${value})`,
  countOrNull: null,
  time: (value) => `rows.int8(${value})`,
  instant: (value) => `rows.int8(${value})`,
  instantOrNull: (value) => `rows.int8OrNull(${value})`,
  boolean: null,
  choice: null,
  json: null,
  jsonOrNull: null,
  record: null,
  batchContent: null,
  object: null,
};

const NULLABLE = new Set(['textOrNull', 'integerOrNull', 'countOrNull', 'instantOrNull', 'jsonOrNull']);

/** The code that writes a column of an event's row. */
type Column = (declared: EventDeclaration) => string;

const always =
  (code: string): Column =>
  () =>
    code;

/** The field of the event, or null if the event has no such field. */
const fieldOrNull =
  (name: string): Column =>
  ({ kind, fields }) => {
    const field = fields[name];
    return field === undefined ? 'rows.null()' : codeFor(WRITE, field, `${kind}.${name}`)(`event.${name}`);
  };

/** The columns of `changes`, in their order. */
const AUDIT: readonly Column[] = [
  always('rows.int8(seq)'),
  always('rows.int8(change.atMs)'),
  fieldOrNull('prevSeq'),
  always('rows.int2(shard)'),
  ({ number }) => `rows.int2(${number})`,
  fieldOrNull('redemptionCount'),
  fieldOrNull('lockId'),
  fieldOrNull('untilMs'),
  (declared) => `rows.uuid(event.${scopePathOf(declared)})`,
  fieldOrNull('redemptionId'),
  fieldOrNull('code'),
  fieldOrNull('userId'),
  always('rows.text(change.caller)'),
  always('rows.text(change.requestId)'),
  detailOf,
];

const GROUPS: Readonly<Record<string, readonly CodeColumn[]>> = {
  TOUCHES_USER: ['user_id', 'assigned_ms'],
  TOUCHES_LEASE: ['lock_id', 'locked_until_ms'],
  TOUCHES_COUNT: ['redemption_count'],
};

const ofCodes = events.filter(({ fields }) => 'code' in fields);

export function rowsSource(): string {
  return generatedFile(
    'Events as rows of the projection; projection-batch.ts describes how they are used.',
    [
      { types: ['Change', 'CodeEvent'], from: '../../domain/event.js' },
      { types: ['Seq', 'ShardId'], from: '../../records/ids.js' },
      { types: ['DomainEvent'], from: '../../records/events.generated.js' },
      { names: ['unknownRecord'], from: '../../records/unknown.js' },
      {
        names: Object.keys(GROUPS),
        types: ['AppendedRows', 'CodeUpdate', 'SnapshotChanges'],
        from: './code-update.js',
      },
      { types: ['RowBuffer'], from: '../copy/row-buffer.js' },
    ],
    [auditSource(), foldSource(), othersSource()].join('\n\n'),
  );
}

function auditSource(): string {
  const cases = events.map((declared) => {
    const lines = AUDIT.map((column) => column(declared));
    return `case '${declared.kind}':\n${lines.join(';\n')};\nreturn;`;
  });
  return `/** Writes the event's row in \`changes\`. */
export function writeAudit(rows: RowBuffer, shard: ShardId, seq: number, change: Change, event: DomainEvent): void {
  rows.row(${AUDIT.length});
  switch (event.kind) {
    ${cases.join('\n')}
    default:
      unknownRecord(event);
  }
}`;
}

function detailOf({ kind, fields, detail }: EventDeclaration): string {
  if (detail.length === 0) return 'rows.null()';
  const parts = detail.map((path) => {
    const [field = ''] = path.split('.');
    if (!(field in fields)) throw new Error(`${kind}: its detail names ${field}, which is not a field`);
    return { name: path.split('.').at(-1) ?? path, value: `event.${path}`, isNullable: isNullable(fields[path]) };
  });
  const json = `JSON.stringify({ ${parts.map(({ name, value }) => `${name}: ${value}`).join(', ')} })`;
  if (!parts.every((part) => part.isNullable)) return `rows.text(${json})`;
  return `rows.textOrNull(${parts.map(({ value }) => `${value} === null`).join(' && ')} ? null : ${json})`;
}

const isNullable = (field: Field | undefined): boolean => field !== undefined && NULLABLE.has(field.form);

function foldSource(): string {
  const cases = ofCodes.map(({ kind, row }) => {
    const columns = Object.entries(row ?? {});
    const touched = Object.entries(GROUPS).filter(([, group]) => columns.some(([name]) => isOneOf(group, name)));
    for (const [, group] of touched) {
      const missing = group.filter((name) => row?.[name] === undefined);
      if (missing.length > 0) throw new Error(`${kind}: its row sets no ${missing.join()}`);
    }
    const values = columns.map(
      ([name, field]) => `update.${camel(name)} = ${field === null ? 'null' : `event.${field}`};`,
    );
    const touches = touched.length === 0 ? '' : `update.touches |= ${touched.map(([name]) => name).join(' | ')};`;
    return `case '${kind}':\n${[touches, ...values].join('\n')}\nreturn;`;
  });
  return `/** Applies the event to the update of its code's row in the snapshot. */
export function foldInto(update: CodeUpdate, event: CodeEvent): void {
  switch (event.kind) {
    ${cases.join('\n')}
    default:
      unknownRecord(event);
  }
}`;
}

const isOneOf = (group: readonly string[], name: string): boolean => group.includes(name);
const camel = (column: string): string => column.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function othersSource(): string {
  const isFolded = ({ appends, snapshot }: EventDeclaration): boolean => appends === null && snapshot === null;
  const cases = events
    .filter((declared) => !isFolded(declared))
    .map((declared) => `case '${declared.kind}': ${othersOf(declared)}`);
  return `/** Writes the other rows that the event appends, and changes the rest of the snapshot. */
export function writeOthers(
  tables: AppendedRows,
  snapshot: SnapshotChanges,
  shard: ShardId,
  seq: Seq,
  event: DomainEvent,
): void {
  switch (event.kind) {
    ${cases.join('\n')}
    ${events
      .filter(isFolded)
      .map(({ kind }) => `case '${kind}':`)
      .join('\n')}
      return;
    default:
      unknownRecord(event);
  }
}`;
}

/** Rows of each later feature are kept in a part of their own, with the name of the feature. */
function keeperOf(declared: EventDeclaration): string {
  const [, feature = 'coupons'] = /^src\/features\/(\w+)\//.exec(pathOf(declared)) ?? [];
  return feature === 'coupons' ? 'snapshot' : `snapshot.${feature}`;
}

function othersOf(declared: EventDeclaration): string {
  const { kind, fields, appends, snapshot } = declared;
  const lines: string[] = [];
  if (appends !== null && appends !== undefined) {
    const values = appends.values.map((name) => {
      if (name === 'seq') return 'rows.int8(seq);';
      if (name === 'shard') return 'rows.int2(shard);';
      const field = fieldsOf(fields).find(([other]) => other === name)?.[1];
      if (field === undefined) throw new Error(`${kind}: it appends ${String(name)}, which is not a field`);
      return `${codeFor(WRITE, field, `${kind}.${String(name)}`)(`event.${String(name)}`)};`;
    });
    lines.push(`const rows = tables.${appends.table};`, `rows.row(${values.length});`, ...values);
  }
  if (snapshot !== null) lines.push(`${keeperOf(declared)}.${snapshot}(shard, seq, event);`);
  const body = `${lines.join('\n')}\nreturn;`;
  return appends === null ? body : `{\n${body}\n}`;
}
