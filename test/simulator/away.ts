/** What a system call says of a peer that is gone: it may come back. */
export function away(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}
