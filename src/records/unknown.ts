/**
 * For the default case of a switch over records: it compiles only if the switch has a case for
 * each.
 */
export function unknownRecord(value: never): never {
  throw new Error(`unknown record ${JSON.stringify(value)}`);
}
