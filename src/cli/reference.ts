/** The reference of docs/cli.md, made from the table of commands. */
import { createProgram, EXIT_CODES, VARIABLES } from './program.js';

const HELP_WIDTH = 98;

export function cliReference(): string {
  const program = createProgram(new AbortController().signal);
  program.configureOutput({ getOutHelpWidth: () => HELP_WIDTH });
  const commands = program.commands.map((command) => {
    command.configureOutput({ getOutHelpWidth: () => HELP_WIDTH });
    return `### clipbook ${command.name()}\n\n\`\`\`text\n${command.helpInformation()}\`\`\``;
  });
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

function table(head: readonly [string, string], rows: readonly (readonly [string, string])[]): string {
  return [head, ['---', '---'], ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
