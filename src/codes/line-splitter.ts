/**
 * Cuts a stream of bytes into lines, whatever its chunks: ended by LF, CR LF or CR. What follows
 * the last line end waits for the next chunk; a line that gets too long ends the upload, so that
 * waiting is bounded.
 */

import { UploadMalformed } from './upload-malformed.js';

export const LINE_BYTES_MAX = 64 * 1024;

/** The line is `bytes[start, end)`, without its end; valid during the call. `line` is 1-based. */
export type OnLine = (bytes: Uint8Array, start: number, end: number, line: number) => void;

export interface LineSplitter {
  push(bytes: Uint8Array): void;
  /** The last line, if it has no line end. */
  end(): void;
  /**
   * Stops here: what has not become a line yet, its line number, and whether an LF that comes next
   * is no line's end.
   */
  release(): { readonly rest: Uint8Array; readonly line: number; readonly skipLineFeed: boolean };
}

const LF = 0x0a;
const CR = 0x0d;

export function createLineSplitter(onLine: OnLine, firstLine = 1): LineSplitter {
  let line = firstLine;
  /** The start of a line whose end has not come yet: `carry[0, carried)`. */
  let carry = new Uint8Array(1024);
  let carried = 0;
  let skipLineFeed = false;

  function keepForLater(bytes: Uint8Array): void {
    if (carried + bytes.length > LINE_BYTES_MAX) {
      throw new UploadMalformed(`the line is longer than ${LINE_BYTES_MAX} bytes`, line);
    }
    if (carried + bytes.length > carry.length) {
      const larger = new Uint8Array(2 * (carried + bytes.length));
      larger.set(carry.subarray(0, carried));
      carry = larger;
    }
    carry.set(bytes, carried);
    carried += bytes.length;
  }

  return {
    push(bytes) {
      const length = bytes.length;
      let start = 0;
      if (skipLineFeed && length > 0) {
        if (bytes[0] === LF) start = 1;
        skipLineFeed = false;
      }
      for (let at = start; at < length; at++) {
        const byte = bytes[at] as number;
        if (byte !== LF && byte !== CR) continue;
        if (carried > 0) {
          keepForLater(bytes.subarray(start, at));
          onLine(carry, 0, carried, line);
          carried = 0;
        } else {
          if (at - start > LINE_BYTES_MAX) {
            throw new UploadMalformed(`the line is longer than ${LINE_BYTES_MAX} bytes`, line);
          }
          onLine(bytes, start, at, line);
        }
        line++;
        if (byte === CR) {
          if (at + 1 === length) skipLineFeed = true;
          else if (bytes[at + 1] === LF) at++;
        }
        start = at + 1;
      }
      keepForLater(bytes.subarray(start));
    },
    end() {
      if (carried > 0) onLine(carry, 0, carried, line);
      carried = 0;
    },
    release() {
      return { rest: carry.slice(0, carried), line, skipLineFeed };
    },
  };
}
