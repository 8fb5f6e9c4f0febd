/**
 * The fast path for codes: nearly every client writes them in upper case, with nothing to decode.
 * The schema would leave such a code unchanged. So only other codes go through the schema, with its
 * result objects and its conversion to upper case. A test compares both.
 */
const LENGTH_MIN = 3;
const LENGTH_MAX = 64;

/** By character: 1 where it may stand in a code and has no other case. */
const isOfCode = new Uint8Array(128);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.') isOfCode[character.charCodeAt(0)] = 1;

/** Whether the schema of codes takes the text and leaves it unchanged. False: ask the schema. */
export function isCanonicalCode(text: string): boolean {
  const { length } = text;
  if (length < LENGTH_MIN || length > LENGTH_MAX) return false;
  for (let i = 0; i < length; i++) if (isOfCode[text.charCodeAt(i)] !== 1) return false;
  return true;
}
