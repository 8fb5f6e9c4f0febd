/**
 * Whether what stands in a text from `from` up to `to` is printable ASCII that JSON writes as it
 * is: no `"`, no `\\`.
 */
export function isPlain(text: string, from = 0, to = text.length): boolean {
  for (let i = from; i < to; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c) return false;
  }
  return true;
}
