/** A body that is small enough to be kept, as text. The usual one comes in one piece and is copied only once, into the text. */
// Half as expensive as a Buffer that is made for it. A byte order mark stays, and is then no JSON.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export class BodyText {
  #bytes = 0;
  #chunks: Buffer[] | null = null;

  /** `chunk` is valid during the call only. Null: more is to come, or it is too large, which `bytes` tells. */
  add(chunk: ArrayBuffer, isLast: boolean, bytesMax: number): string | null {
    this.#bytes += chunk.byteLength;
    if (this.#bytes > bytesMax) return null;
    if (isLast) return this.#decode(chunk);
    this.#chunks ??= [];
    if (chunk.byteLength > 0) this.#chunks.push(Buffer.from(chunk.slice(0)));
    return null;
  }

  get bytes(): number {
    return this.#bytes;
  }

  clear(): void {
    this.#bytes = 0;
    this.#chunks = null;
  }

  #decode(last: ArrayBuffer): string {
    if (this.#chunks === null) return decoder.decode(last);
    this.#chunks.push(Buffer.from(last));
    const text = decoder.decode(Buffer.concat(this.#chunks));
    this.#chunks = null;
    return text;
  }
}
