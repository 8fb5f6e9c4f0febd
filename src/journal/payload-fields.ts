/**
 * The fields of a journal payload (codec.ts): a flat list of scalars, walked by one who writes and
 * one who reads. Strings that name things go through a dictionary that both build while they walk:
 * such a string stands for itself the first time, and the number of its place stands for it
 * afterwards.
 */
import { MsgpackWriter } from './msgpack-writer.js';

interface LastName {
  /** Null: none in this payload. */
  text: string | null;
  place: number;
}

/**
 * So many names are looked for one by one. A payload seldom has more, and a map, emptied for each
 * payload, costs more than that.
 */
const SEARCHED_MAX = 8;

/**
 * Writes values, and remembers where the names stand that are likely to come again in this payload.
 */
export class FieldWriter extends MsgpackWriter {
  /** The first of the names that `name` wrote, and their places; the others are in the map. */
  readonly #searched = new Array<string>(SEARCHED_MAX).fill('');
  readonly #searchedPlaces = new Array<number>(SEARCHED_MAX).fill(0);
  #searchedCount = 0;
  readonly #mapped = new Map<string, number>();
  #names = 0;
  readonly #code: LastName = { text: null, place: 0 };
  readonly #user: LastName = { text: null, place: 0 };
  readonly #redemption: LastName = { text: null, place: 0 };

  override begin(before: number): void {
    super.begin(before);
    this.#searchedCount = 0;
    if (this.#mapped.size > 0) this.#mapped.clear();
    this.#names = 0;
    this.#code.text = null;
    this.#user.text = null;
    this.#redemption.text = null;
  }

  /** A string that is likely to come again in later changes. */
  name(text: string): void {
    const place = this.#placeOf(text);
    if (place !== undefined) {
      this.number(place);
      return;
    }
    const made = this.#newName(text);
    if (this.#searchedCount === SEARCHED_MAX) {
      this.#mapped.set(text, made);
      return;
    }
    this.#searched[this.#searchedCount] = text;
    this.#searchedPlaces[this.#searchedCount++] = made;
  }

  #placeOf(text: string): number | undefined {
    for (let i = 0; i < this.#searchedCount; i++) if (this.#searched[i] === text) return this.#searchedPlaces[i];
    return this.#mapped.size === 0 ? undefined : this.#mapped.get(text);
  }

  /**
   * Codes, users and redemptions come again in the same change, if at all: remembering the last one
   * of each is enough.
   */
  code(text: string): void {
    this.#sameOrNew(this.#code, text);
  }

  subject(text: string): void {
    this.#sameOrNew(this.#user, text);
  }

  subjectOrNull(text: string | null): void {
    if (text === null) this.textOrNull(null);
    else this.subject(text);
  }

  /** Like a subject, a caller may be a person. */
  caller(text: string): void {
    this.name(text);
  }

  redemption(text: string): void {
    this.#sameOrNew(this.#redemption, text);
  }

  time(ms: number, baseMs: number): void {
    assertThat(Number.isSafeInteger(ms), 'times are whole milliseconds');
    this.number(ms - baseMs);
  }

  json(value: object | null): void {
    this.textOrNull(value === null ? null : JSON.stringify(value));
  }

  #sameOrNew(last: LastName, text: string): void {
    if (text === last.text) {
      this.number(last.place);
      return;
    }
    last.place = this.#newName(text);
    last.text = text;
  }

  #newName(text: string): number {
    assertThat(typeof text === 'string', 'names are strings');
    this.text(text);
    return this.#names++;
  }
}

/** A cursor over a flat list, which checks the type of everything that it hands out. */
export class FieldReader {
  readonly #values: readonly unknown[];
  readonly #names: string[] = [];
  #at = 0;

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  #next(): unknown {
    const value = this.#values[this.#at];
    this.#at += 1;
    return value;
  }

  name(): string {
    const value = this.#next();
    if (typeof value === 'string') {
      this.#names.push(value);
      return value;
    }
    const name = typeof value === 'number' ? this.#names[value] : undefined;
    if (name === undefined) this.#fail('a name');
    return name;
  }

  subject(): string {
    return this.name();
  }

  subjectOrNull(): string | null {
    if (this.#values[this.#at] !== null) return this.subject();
    this.#at += 1;
    return null;
  }

  caller(): string {
    return this.name();
  }

  text(): string {
    const value = this.#next();
    if (typeof value !== 'string') this.#fail('a text');
    return value;
  }

  textOrNull(): string | null {
    const value = this.#next();
    if (value !== null && typeof value !== 'string') this.#fail('a text or null');
    return value;
  }

  number(): number {
    const value = this.#next();
    if (typeof value !== 'number') this.#fail('a number');
    return value;
  }

  integer(): number {
    const value = this.#next();
    if (!Number.isSafeInteger(value)) this.#fail('an integer');
    return value as number;
  }

  integerOrNull(): number | null {
    const value = this.#next();
    if (value !== null && !Number.isSafeInteger(value)) this.#fail('an integer or null');
    return value as number | null;
  }

  boolean(): boolean {
    const value = this.#next();
    if (typeof value !== 'boolean') this.#fail('a boolean');
    return value;
  }

  time(baseMs: number): number {
    return baseMs + this.integer();
  }

  json(): Readonly<Record<string, unknown>> {
    const value: unknown = JSON.parse(this.text());
    if (typeof value !== 'object' || value === null) this.#fail('an object');
    return value as Readonly<Record<string, unknown>>;
  }

  jsonOrNull(): Readonly<Record<string, unknown>> | null {
    if (this.#values[this.#at] !== null) return this.json();
    this.#at += 1;
    return null;
  }

  assertEnd(): void {
    if (this.#at !== this.#values.length) this.#fail('the end');
  }

  #fail(expected: string): never {
    throw new Error(`journal payload: expected ${expected} before place ${this.#at} of ${this.#values.length}`);
  }
}

export function assertThat(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`journal payload: ${what}`);
}
