/** The default of a switch over records, which compiles only while the switch names all of them. */
export function unknownRecord(value: never): never {
  throw new Error(`unknown record ${JSON.stringify(value)}`);
}
