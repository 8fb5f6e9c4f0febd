/**
 * The form of the examples that the description shows. A test checks each against its schema and
 * sends the requests.
 */

export interface Example {
  /** A few words, shown as the name of the example. */
  readonly summary: string;
  readonly value: unknown;
}

/** By a short name that is unique among them. */
export type Examples = Readonly<Record<string, Example>>;

export interface OperationExamples {
  /** Values for the parameters of the path and the query, by name. */
  readonly parameters?: Readonly<Record<string, string | number | boolean>>;
  /** Bodies by media type. */
  readonly bodies?: Readonly<Record<string, Examples>>;
  /** Bodies of the answers by status. */
  readonly answers?: Readonly<Record<number, Examples>>;
}

/** By operation id. */
export type ExampleTable = Readonly<Record<string, OperationExamples>>;

/** One JSON body, as most operations have it. */
export const json = (examples: Examples): Readonly<Record<string, Examples>> => ({ 'application/json': examples });
