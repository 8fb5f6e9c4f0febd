/**
 * A body that is small enough to be kept, as text. Nearly all come in one piece, which is copied
 * only once, into the text.
 */
import { isUtf8 } from 'node:buffer';

// Half as expensive as a Buffer that is made for it. A byte order mark stays, and is then no JSON.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export class BodyText {
  /**
   * Of the whole body, when its last chunk was added and it was not too large; null: it is not
   * UTF-8.
   */
  text: string | null = '';
  #bytes = 0;
  #chunks: Buffer[] | null = null;

  /**
   * `chunk` is valid during the call only. What comes past `bytesMax` is not kept; `bytes` tells.
   */
  add(chunk: ArrayBuffer, isLast: boolean, bytesMax: number): void {
    this.#bytes += chunk.byteLength;
    if (this.#bytes > bytesMax) return;
    if (isLast) {
      this.text = this.#decode(chunk);
      return;
    }
    this.#chunks ??= [];
    if (chunk.byteLength > 0) this.#chunks.push(Buffer.from(chunk.slice(0)));
  }

  get bytes(): number {
    return this.#bytes;
  }

  clear(): void {
    this.text = '';
    this.#bytes = 0;
    this.#chunks = null;
  }

  #decode(last: ArrayBuffer): string | null {
    if (this.#chunks === null) return decodeUtf8(last);
    this.#chunks.push(Buffer.from(last));
    const text = decodeUtf8(Buffer.concat(this.#chunks));
    this.#chunks = null;
    return text;
  }
}

/**
 * Null: the bytes are not UTF-8. Those have become U+FFFD, which may also have been sent as itself.
 */
function decodeUtf8(bytes: ArrayBuffer | Buffer): string | null {
  const text = decoder.decode(bytes);
  return text.includes('\ufffd') && !isUtf8(bytes) ? null : text;
}
