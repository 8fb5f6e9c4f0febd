/**
 * Makes src/features/coupons/rules.generated.ts: which function decides a command, which one
 * applies an event, and what a command will read.
 *
 * The functions are found by their names in the files of the feature: `redeemCode` decides the
 * command `redeemCode`, and `applyCodeRedeemed` applies the event `codeRedeemed`. A rule is given
 * the time and randomness if it has parameters of these names.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CommandDeclaration, fieldsOf } from '../../src/records/declare.js';
import { commands, events } from '../../src/records/list.js';
import { generatedFile, type Import, inCapitals } from './source.js';

const FOLDER = fileURLToPath(new URL('../../src/features/coupons', import.meta.url));
/** The kernel makes it, and it changes nothing. */
const OF_KERNEL = 'noted';

interface Found {
  readonly file: string;
  /** The text of the parameters, where it is a function. */
  readonly parameters: string;
}

export function rulesSource(): string {
  const functions = functionsIn(FOLDER);
  const rule = (name: string): Found => {
    const found = functions.get(name);
    if (found === undefined) throw new Error(`no file of src/features/coupons/ exports a function ${name}`);
    return found;
  };
  const all: readonly CommandDeclaration[] = commands;
  const applied = events.filter(({ kind }) => kind !== OF_KERNEL).map(({ kind }) => [kind, `apply${inCapitals(kind)}`]);
  const decides = all.map(({ kind }) => {
    const { parameters } = rule(kind);
    const more = ['nowMs', 'random'].filter((name) => new RegExp(`\\b${name}:`).test(parameters));
    return `case '${kind}':\nreturn ${[`${kind}(coupons, command`, ...more].join(', ')});`;
  });
  const applies = applied.map(([kind, name]) => `case '${kind}':\n${name}(coupons, event);\nreturn;`);
  const reads = all.map((declared) => ({ kind: declared.kind, lines: readsOf(declared) }));
  const names = [...all.map(({ kind }) => kind), ...applied.map(([, name = '']) => name)];
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
      ...importsOf(names, rule),
    ],
    `export function decideCoupons(coupons: Coupons, command: Command, nowMs: number, random: Random): Decision | Refusal {
  switch (command.kind) {
    ${decides.join('\n')}
  }
}

export function applyToCoupons(coupons: Coupons, event: DomainEvent): void {
  switch (event.kind) {
    ${applies.join('\n')}
    case '${OF_KERNEL}':
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

function importsOf(names: readonly string[], rule: (name: string) => Found): Import[] {
  const files = [...new Set(names.map((name) => rule(name).file))];
  return files.map((file) => ({ names: names.filter((name) => rule(name).file === file), from: `./${file}.js` }));
}

/** Exported functions by name. */
function functionsIn(folder: string): Map<string, Found> {
  const found = new Map<string, Found>();
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.ts') && !file.includes('.generated.'))) {
    const source = readFileSync(join(folder, name), 'utf8');
    const file = name.slice(0, -'.ts'.length);
    for (const match of source.matchAll(/^export function (\w+)\(([\s\S]*?)\n?\): /gm)) {
      found.set(match[1] ?? '', { file, parameters: match[2] ?? '' });
    }
    for (const match of source.matchAll(/^export const (apply\w+) = /gm)) {
      found.set(match[1] ?? '', { file, parameters: '' });
    }
  }
  return found;
}
