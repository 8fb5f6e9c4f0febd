/** The kinds of faults of a whole upload, from which the answer is chosen. */
export type UploadFault =
  /** A file that can't be understood, or only by guessing. */
  | { readonly kind: 'unreadable' }
  /** Not JSON at all. */
  | { readonly kind: 'notJson' }
  /** JSON of another shape. */
  | { readonly kind: 'badField'; readonly path: string; readonly reason: string };

/** The upload can't be read on; nothing of it may be kept. */
export class UploadMalformed extends Error {
  override readonly name = 'UploadMalformed';
  readonly fault: UploadFault;

  /** `line` is 1-based, where it is known. */
  constructor(message: string, line: number | null, fault: UploadFault = { kind: 'unreadable' }) {
    super(line === null ? message : `line ${line}: ${message}`);
    this.fault = fault;
  }
}
