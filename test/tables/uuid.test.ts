import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { putUuid, UUID_BYTES, uuidAt } from '../../src/tables/uuid.js';

test('a UUID becomes the 16 bytes of its digits, and the same text again', () => {
  const bytes = new Uint8Array(UUID_BYTES + 4);
  for (const text of ['00112233-4455-6677-8899-aabbccddeeff', randomUUID(), randomUUID()]) {
    assert.equal(putUuid(text, bytes, 3), true);
    assert.equal(Buffer.from(bytes.subarray(3, 3 + UUID_BYTES)).toString('hex'), text.replaceAll('-', ''));
    assert.equal(uuidAt(bytes, 3), text);
  }
});

test('a text that is no UUID in lower case has no bytes', () => {
  for (const text of [
    '',
    '00112233-4455-6677-8899-AABBCCDDEEFF',
    '00112233-4455-6677-8899-aabbccddeef',
    '00112233-4455-6677-8899-aabbccddeefff',
    '00112233x4455-6677-8899-aabbccddeeff',
    '00112233-4455-6677-8899-aabbccddeegf',
    '001122334-455-6677-8899-aabbccddeeff',
    '00112233-4455-6677-8899-aabbccdde\u0130ff',
  ]) {
    assert.equal(putUuid(text, new Uint8Array(UUID_BYTES), 0), false, text);
  }
});
