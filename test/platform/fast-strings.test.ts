import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import '../../src/journal/redis/connection.js';

/** Asks V8 itself: a measured time would say the same less surely. */
function isFast(prototype: string): boolean {
  setFlagsFromString('--allow-natives-syntax');
  try {
    return runInThisContext(`%HasFastProperties(${prototype}.prototype)`) as boolean;
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

test('ioredis does not slow the strings of its thread down', () => {
  assert.ok(isFast('String'));
});

test('a class that extends Number slows numbers down: V8 still works as fast-strings.ts says', () => {
  runInThisContext('(class extends Number {})');
  assert.ok(!isFast('Number'));
});
