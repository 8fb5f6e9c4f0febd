/**
 * What is in a batch, as fields of a journal payload. An upload has null in the place of the
 * pattern.
 */
import type { BatchContent, CounterRange } from '../records/batch-content.js';
import type { FieldReader, FieldWriter } from './payload-fields.js';

export function encodeBatchContent(out: FieldWriter, content: BatchContent): void {
  if (content.kind === 'uploaded') {
    out.null();
    out.number(content.count);
    out.text(content.sha256);
    return;
  }
  out.text(content.pattern);
  out.number(content.keyId);
  out.boolean(content.order === 'inRuns');
  out.number(content.ranges.length);
  for (const { first, end } of content.ranges) {
    out.number(first);
    out.number(end);
  }
}

export function decodeBatchContent(from: FieldReader): BatchContent {
  const pattern = from.textOrNull();
  if (pattern === null) return { kind: 'uploaded', count: from.integer(), sha256: from.text() };
  const keyId = from.integer();
  const order = from.boolean() ? 'inRuns' : 'byCode';
  const ranges: CounterRange[] = [];
  for (let left = from.integer(); left > 0; left--) ranges.push({ first: from.integer(), end: from.integer() });
  return { kind: 'generated', pattern, keyId, ranges, order };
}
