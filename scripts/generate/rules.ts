/**
 * Makes src/features/coupons/rules.generated.ts: which function decides a command, which one
 * applies an event, and what a command will read.
 *
 * The functions are found by their names in the file that declares the record: `decideRedeemCode`
 * decides the command `redeemCode`, and `applyCodeRedeemed` applies the event `codeRedeemed`. A
 * rule is given the state, the command, the time and randomness, as far as it has parameters.
 */
import { posix } from 'node:path';
import { type CommandDeclaration, fieldsOf } from '../../src/records/declare.js';
import { commands, declaringFiles, events, pathOf } from './declarations.js';
import { generatedFile, type Import, inCapitals } from './source.js';

const FOLDER = 'src/features/coupons';
const ARGUMENTS = ['coupons', 'command', 'nowMs', 'random'];

type Declared = (typeof commands)[number] | (typeof events)[number];

export function rulesSource(): string {
  const ofFeature = <Kind extends Declared>(list: readonly Kind[]): Kind[] =>
    list.filter((declared) => posix.dirname(pathOf(declared)) === FOLDER);
  const decided = ofFeature(commands);
  const applied = ofFeature(events);
  const imports = new Map<string, string[]>();
  const decides = decided.map((declared) => {
    const { name, parameters } = ruleOf('decide', declared, imports);
    return `case '${declared.kind}':\nreturn ${name}(${ARGUMENTS.slice(0, parameters).join(', ')});`;
  });
  const applies = applied.map(
    (declared) => `case '${declared.kind}':\n${ruleOf('apply', declared, imports).name}(coupons, event);\nreturn;`,
  );
  const reads = decided.map((declared) => ({ kind: declared.kind, lines: readsOf(declared) }));
  return generatedFile(
    'Which function decides a command of coupon books, and which one applies an event.',
    [
      { types: ['Command'], from: '../../domain/command.js' },
      { types: ['Decision'], from: '../../domain/decision.js' },
      { types: ['DomainEvent'], from: '../../domain/event.js' },
      { types: ['Refusal'], from: '../../domain/outcome.js' },
      { types: ['Random'], from: '../../domain/random.js' },
      { names: ['unknownRecord'], from: '../../records/unknown.js' },
      { types: ['Coupons'], from: './state.js' },
      { types: ['Reads'], from: './reads.js' },
      ...[...imports].map(([from, names]): Import => ({ from, names })),
    ],
    `export function decideCoupons(coupons: Coupons, command: Command, nowMs: number, random: Random): Decision | Refusal {
  switch (command.kind) {
    ${decides.join('\n')}
  }
}

export function applyToCoupons(coupons: Coupons, event: DomainEvent): void {
  switch (event.kind) {
    ${applies.join('\n')}
    ${events
      .filter((declared) => !applied.includes(declared))
      .map(({ kind }) => `case '${kind}':`)
      .join('\n')}
      // The kernel makes it, and it changes nothing.
      return;
    default:
      unknownRecord(event);
  }
}

/** Notes what the command will read. Rare commands wait for their memory. */
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
  const from = `./${posix.basename(path, '.ts')}.js`;
  imports.set(from, [...(imports.get(from) ?? []), name]);
  return { name, parameters: rule.length };
}
