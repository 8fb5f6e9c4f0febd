/**
 * docs/promotions.md: its examples are taken, and its numbers and messages are those of the source.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OPEN_RESERVATIONS_MAX, PROMOTIONS_MAX } from '../../src/features/promotions/state.js';
import { applyInput, promotionInput } from '../../src/http/api/promotions/schemas.js';
import { compileCondition } from '../../src/promotions/condition.js';

const read = (page: string): string =>
  readFileSync(fileURLToPath(new URL(`../../docs/${page}`, import.meta.url)), 'utf8');
const PAGE = read('promotions.md');
const blocks = (language: string): string[] =>
  [...PAGE.matchAll(new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\``, 'gm'))].map(([, text = '']) => text);

test('the promotion and the cart of docs/promotions.md are taken', () => {
  const [promotion = '', , schedule = '', cart = ''] = blocks('json');
  const { code, ...made } = promotionInput.parse(JSON.parse(promotion.replace(/^POST .*\n/, '')));
  assert.equal(code, 'SUMMER20');
  assert.ok(promotionInput.safeParse({ ...made, ...(JSON.parse(`{${schedule}}`) as object) }).success);
  assert.ok(applyInput.safeParse({ codes: [], ...(JSON.parse(cart) as object) }).success);
});

test('the conditions of docs/promotions.md are taken', () => {
  const conditions = blocks('text').flatMap((text) => text.trim().split('\n'));
  assert.equal(conditions.length, 2);
  for (const text of conditions) assert.ok('judge' in compileCondition(text.trim()), text);
});

test('docs/promotions.md has the limits of the source', () => {
  const inWords = (count: number): string => count.toLocaleString('en-US');
  assert.ok(
    PAGE.includes(
      `| promotions and books with a discount, with those that are archived | ${inWords(PROMOTIONS_MAX)} in a shard |`,
    ),
  );
  assert.ok(PAGE.includes(`| open reservations | ${inWords(OPEN_RESERVATIONS_MAX)} in a shard |`));
});

test('docs/promotions.md explains each message that the contract names', () => {
  const [, list = ''] = /\*\*Messages\.\*\*([\s\S]*?)\n- \*\*/.exec(read('contract.md')) ?? [];
  const messages = [...list.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text.replace(/\s+/g, ' '));
  assert.ok(messages.length >= 11, `${messages.length} messages`);
  for (const message of messages) assert.ok(PAGE.includes(`| \`${message}\` |`), message);
});
