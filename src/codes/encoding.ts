/** Whether bytes can be text in UTF-8, judged by how they begin. */
import { UploadMalformed } from './upload-malformed.js';

/**
 * Bytes that are looked at for NULs. A text in UTF-16 has one in every second place, as long as it
 * is ASCII.
 */
const LOOKED_AT_BYTES = 256;

/** The length of a UTF-8 byte order mark, which stands first or not at all. */
export function byteOrderMarkBytes(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

/**
 * `bytes` are the first of an upload. Throws `UploadMalformed` for what the usual programs write
 * that is not UTF-8.
 */
export function refuseOtherEncodings(bytes: Uint8Array): void {
  const [first, second, third, fourth] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    refuse('the file is in UTF-16 (Excel calls it "Unicode Text"); save it as CSV UTF-8');
  }
  if (first === 0x50 && second === 0x4b && third === 3 && fourth === 4) {
    refuse('the file is a ZIP archive, as .xlsx and .ods files are; save the table as CSV UTF-8');
  }
  if (first === 0x1f && second === 0x8b) refuse('the file is compressed with gzip; send it uncompressed');
  if (bytes.subarray(0, LOOKED_AT_BYTES).includes(0)) {
    refuse('the file has NUL bytes, so it is not text in UTF-8 (UTF-16 looks like this); save it as CSV UTF-8');
  }
}

function refuse(message: string): never {
  throw new UploadMalformed(message, 1);
}

/** Bytes that are no UTF-8 become U+FFFD, which no code has. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}
