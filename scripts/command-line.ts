/** What the commands of package.json share: `--help`, and one line for an option that is wrong. */

/**
 * Returns what `read` makes of the command line. With `--help` it prints the usage and ends the
 * process with 0. When `read` throws, it prints the message and the usage, and ends with 2.
 */
export function fromCommandLine<T>(usage: string, read: () => T): T {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  try {
    return read();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
    process.exit(2);
  }
}

/** `text` as a whole number. Throws a line that names `what`, such as `--seeds`, if it is none. */
export function wholeNumber(what: string, text: string, min = 1): number {
  if (!/^\d{1,15}$/.test(text) || Number(text) < min)
    throw new Error(`${what} ${text}: not a whole number from ${min} on`);
  return Number(text);
}
