/**
 * JSON with the keys of every object in order, so that equal values have equal texts. What went
 * through a database or another codec may come back with its keys in another order; that is not
 * another fact. Takes what JSON can hold, and leaves out fields that are undefined.
 *
 * The text is put together here. `JSON.stringify` with a function that sorts the keys takes three
 * times as long, and was most of a digest of promotions.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return Array.isArray(value) ? listText(value) : objectText(value as Readonly<Record<string, unknown>>);
}

function listText(list: readonly unknown[]): string {
  let text = '[';
  for (let at = 0; at < list.length; at++) {
    if (at > 0) text += ',';
    text += list[at] === undefined ? 'null' : canonicalJson(list[at]);
  }
  return `${text}]`;
}

function objectText(object: Readonly<Record<string, unknown>>): string {
  let text = '{';
  for (const key of Object.keys(object).sort()) {
    const field = object[key];
    if (field === undefined) continue;
    if (text.length > 1) text += ',';
    text += nameText(key) + canonicalJson(field);
  }
  return `${text}}`;
}

/** Those of the records, and the first ones of metadata, which callers choose. */
const NAMES_MAX = 1000;
const names = new Map<string, string>();

function nameText(key: string): string {
  let text = names.get(key);
  if (text === undefined) {
    text = `${JSON.stringify(key)}:`;
    if (names.size < NAMES_MAX) names.set(key, text);
  }
  return text;
}
