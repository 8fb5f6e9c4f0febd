import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WIDTH_MAX, wideLines } from '../../scripts/comment-width.js';

const LONG = 'word '.repeat(30).trim();

test('a comment or a Markdown line that is too wide is found with its line', () => {
  assert.deepEqual(wideLines('a.ts', `/**\n * ${LONG}\n */\nconst a = 1;\n// ${LONG}\n/** ${LONG} */`), [2, 5, 6]);
  assert.deepEqual(wideLines('a.sql', `SELECT 1;\n-- ${LONG}`), [2]);
  assert.deepEqual(wideLines('a.md', `# A\n\n${LONG}\n\n- ${LONG}`), [3, 5]);
});

test('a line of exactly the maximum width is allowed', () => {
  const line = `// ${'a '.repeat(WIDTH_MAX)}`.slice(0, WIDTH_MAX);
  assert.deepEqual(wideLines('a.ts', line), []);
  assert.deepEqual(wideLines('a.ts', `${line}b`), [1]);
});

test('code is not taken for a comment', () => {
  const code = [`  #privateMethod(${LONG})`, `  --option ${LONG}`, `**Bold** ${LONG}`, `const a = '${LONG}';`];
  assert.deepEqual(wideLines('a.ts', code.join('\n')), []);
});

test('lines that can not be wrapped are allowed: tables, headings, code blocks, diagrams, addresses', () => {
  const address = `https://example.com/${'a'.repeat(WIDTH_MAX)}`;
  const lines = [`| ${LONG} |`, `# ${LONG}`, '```', LONG, '```', `    ${LONG}`, address, `- ${address}`];
  assert.deepEqual(wideLines('a.md', lines.join('\n')), []);
  assert.deepEqual(wideLines('a.ts', `// | ${LONG} |\n// ${LONG} ─▶ ${LONG}\n// ${address}`), []);
});
