/**
 * Makes src/features/rules.generated.ts: which function decides a command, and which one applies an
 * event; and src/features/coupons/reads.generated.ts: what a command will read.
 *
 * The functions are found by their names in the file that declares the record: `decideRedeemCode`
 * decides the command `redeemCode`, and `applyCodeRedeemed` applies the event `codeRedeemed`. A
 * rule is given the state of its feature, the command, the time and randomness, as far as it has
 * parameters. The state of the feature in `src/features/coupons` is `state.coupons`.
 */
import { posix } from 'node:path';
import { type CommandDeclaration, fieldsOf } from '../../src/records/declare.js';
import { commands, declaringFiles, events, pathOf } from './declarations.js';
import { generatedFile, type Import, inCapitals } from './source.js';

const FEATURES = 'src/features';
const COUPONS = `${FEATURES}/coupons`;
const ARGUMENTS = ['command', 'nowMs', 'random'];

type Declared = (typeof commands)[number] | (typeof events)[number];

const folderOf = (declared: Declared): string => posix.dirname(pathOf(declared));
const isOfFeature = (declared: Declared): boolean => posix.dirname(folderOf(declared)) === FEATURES;
const stateOf = (declared: Declared): string => `state.${posix.basename(folderOf(declared))}`;

export function rulesSource(): string {
  const imports = new Map<string, string[]>();
  const decides = commands.map((declared) => {
    const { name, parameters } = ruleOf('decide', declared, imports);
    const given = [stateOf(declared), ...ARGUMENTS].slice(0, parameters);
    return `case '${declared.kind}':\nreturn ${name}(${given.join(', ')});`;
  });
  const applies = events
    .filter(isOfFeature)
    .map(
      (declared) =>
        `case '${declared.kind}':\n${ruleOf('apply', declared, imports).name}(${stateOf(declared)}, event);\nreturn;`,
    );
  return generatedFile(
    'Which function decides a command, and which one applies an event.',
    [
      { types: ['Command'], from: '../domain/command.js' },
      { types: ['Decision'], from: '../domain/decision.js' },
      { types: ['DomainEvent'], from: '../domain/event.js' },
      { types: ['Refusal'], from: '../domain/outcome.js' },
      { types: ['Random'], from: '../domain/random.js' },
      { names: ['unknownRecord'], from: '../records/unknown.js' },
      { types: ['ShardState'], from: './shard-state.js' },
      ...[...imports].map(([from, names]): Import => ({ from, names })),
    ],
    `export function decideCommand(state: ShardState, command: Command, nowMs: number, random: Random): Decision | Refusal {
  switch (command.kind) {
    ${decides.join('\n')}
  }
}

export function applyEvent(state: ShardState, event: DomainEvent): void {
  switch (event.kind) {
    ${applies.join('\n')}
    ${events
      .filter((declared) => !isOfFeature(declared))
      .map(({ kind }) => `case '${kind}':`)
      .join('\n')}
      // The kernel makes it, and it changes nothing.
      return;
    default:
      unknownRecord(event);
  }
}`,
  );
}

export function readsSource(): string {
  const reads = commands.map((declared) => ({
    kind: declared.kind,
    lines: folderOf(declared) === COUPONS ? readsOf(declared) : [],
  }));
  return generatedFile(
    'What a command of coupon books will read.',
    [
      { types: ['Command'], from: '../../domain/command.js' },
      { types: ['Coupons'], from: './state.js' },
      { types: ['Reads'], from: './reads.js' },
    ],
    `/** Notes what the command will read. Rare commands wait for their memory. */
export function noteReads(reads: Reads, coupons: Coupons, command: Command): void {
  switch (command.kind) {
    ${reads
      .filter(({ lines }) => lines.length > 0)
      .map(({ kind, lines }) => `case '${kind}':\n${lines.join('\n')}\nreturn;`)
      .join('\n')}
    ${reads
      .filter(({ lines }) => lines.length === 0)
      .map(({ kind }) => `case '${kind}':`)
      .join('\n')}
      return;
  }
}`,
  );
}

/** A code and a user that are named are looked up by their names. */
function readsOf({ fields, prefetches }: CommandDeclaration): string[] {
  const lines: string[] = prefetches.map((what) =>
    what === 'drawnCode' ? 'reads.draw(coupons, command.bookId);' : 'reads.roll();',
  );
  for (const [name, { form }] of fieldsOf(fields)) {
    if (form === 'code') lines.push(`reads.name(coupons.codes.strings, command.${name});`);
    if (form === 'subject') lines.push(`reads.name(coupons.users.names, command.${name});`);
  }
  return lines;
}

/** The function for a record, which is added to the imports. */
function ruleOf(
  word: 'decide' | 'apply',
  declared: Declared,
  imports: Map<string, string[]>,
): { readonly name: string; readonly parameters: number } {
  const name = `${word}${inCapitals(declared.kind)}`;
  const path = pathOf(declared);
  const rule = declaringFiles.find((file) => file.path === path)?.exports[name];
  if (typeof rule !== 'function') throw new Error(`${path} exports no function ${name}`);
  const from = `./${posix.relative(FEATURES, path).replace(/\.ts$/, '.js')}`;
  imports.set(from, [...(imports.get(from) ?? []), name]);
  return { name, parameters: rule.length };
}
