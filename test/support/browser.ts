/**
 * A real browser: the Chromium that the system has, since its own download needs a network of its
 * own.
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, chromium as playwright } from 'playwright-core';

/** In the order of preference; the first is what `npm test` installs. */
const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function chromium(): Promise<Browser> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = PROGRAMS.flatMap((program) => folders.map((folder) => join(folder, program))).find(existsSync);
  if (found === undefined) throw new Error(`none of ${PROGRAMS.join(', ')} is on the PATH`);
  return playwright.launch({ executablePath: found, args: ARGUMENTS });
}

/** What a page must not do: complain, break, or ask another server. */
export function faultsOf(context: BrowserContext, url: string): readonly string[] {
  const faults: string[] = [];
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(`${message.type()}: ${message.text()}`);
  });
  context.on('weberror', (error) => faults.push(`broken: ${error.error().message}`));
  context.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('data:')) {
      faults.push(`asks ${request.url()}`);
    }
  });
  return faults;
}
