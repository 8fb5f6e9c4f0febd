/**
 * `If-Match`, by RFC 9110, section 13.1.1: `*`, or a list of entity tags, which may come in several
 * headers. Comparison is strong, so a weak tag (`W/"1"`) matches nothing. Tags of books are their
 * versions.
 */

/**
 * A list element: nothing, or a tag. A tag may hold a comma, so the list can't be split at commas.
 */
const ELEMENT = /[\t ]*(?:(W\/)?"([\x21\x23-\x7e\x80-\uffff]*)")?[\t ]*(,|$)/y;
/** As `etagOf` writes it: `01` is another tag. */
const VERSION = /^(?:0|[1-9]\d{0,14})$/;

/** The versions that fulfil it; null: any. What is not a list of tags is fulfilled by none. */
export function versionsOf(ifMatch: string): readonly number[] | null {
  if (ifMatch === '' || ifMatch.trim() === '*') return null;
  const versions: number[] = [];
  ELEMENT.lastIndex = 0;
  for (let separator: string | undefined = ','; separator === ','; ) {
    const element = ELEMENT.exec(ifMatch);
    if (element === null) return [];
    const [, weak, tag] = element;
    if (weak === undefined && tag !== undefined && VERSION.test(tag)) versions.push(Number(tag));
    separator = element[3];
  }
  return versions;
}
