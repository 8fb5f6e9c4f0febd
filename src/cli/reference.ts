/** The reference of docs/cli.md, made from the table of commands. */
import type { Command } from 'commander';
import { createProgram, EXIT_CODES, VARIABLES } from './program.js';

const HELP_WIDTH = 98;

export function cliReference(): string {
  const program = createProgram(new AbortController().signal);
  const commands = program.commands.flatMap((command) => [command, ...command.commands]).map(section);
  return [
    ...commands,
    '### Variables',
    table(
      ['variable', 'what'],
      VARIABLES.map(([name, meaning]) => [`\`${name}\``, meaning]),
    ),
    '### Exit codes',
    table(['code', 'what'], EXIT_CODES),
  ].join('\n\n');
}

function section(command: Command): string {
  command.configureOutput({ getOutHelpWidth: () => HELP_WIDTH });
  const name = command.parent?.name() === 'clipbook' ? command.name() : `${command.parent?.name()} ${command.name()}`;
  return `### clipbook ${name}\n\n\`\`\`text\n${command.helpInformation()}\`\`\``;
}

function table(head: readonly [string, string], rows: readonly (readonly [string, string])[]): string {
  return [head, ['---', '---'], ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
