/**
 * The page at /api-docs: the description, readable, and each operation to try. It is small on purpose and has no
 * dependency; everything it shows comes from /openapi.json, and it writes text only as text, so that the strict policy it is
 * served under costs nothing.
 */
export const API_PAGE_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Clipbook API</title>
<link rel="stylesheet" href="/api-docs/style.css">
<script src="/api-docs/app.js" defer></script>
</head>
<body>
<header>
<h1>Clipbook API</h1>
<p id="about"></p>
<p><a href="/openapi.json">openapi.json</a></p>
<form id="login">
<label>Email <input name="email" type="email" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button> <output id="who">not signed in</output>
</form>
</header>
<main id="operations"><p>Loading …</p></main>
</body>
</html>
`;

export const API_PAGE_CSS = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid; }
summary { cursor: pointer; padding: .3rem 0; }
summary code { font-weight: bold; }
details > div { padding: 0 0 1rem 1.2rem; }
label { display: inline-block; margin: .2rem 1rem .2rem 0; }
textarea { width: 100%; min-height: 7rem; font: .9rem/1.4 ui-monospace, monospace; box-sizing: border-box; }
pre { overflow: auto; padding: .6rem; border: 1px solid; border-radius: .3rem; font-size: .85rem; max-height: 24rem; }
table { border-collapse: collapse; } td { padding: .1rem .8rem .1rem 0; vertical-align: top; }
`;

export const API_PAGE_JS = `'use strict';
let token = '';
const el = (tag, properties, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};
const button = (text) => el('button', { textContent: text });

async function main() {
  const api = await (await fetch('/openapi.json')).json();
  // Words between backticks are code; nothing else of Markdown is used.
  document.getElementById('about').replaceChildren(...api.info.description.split('\x60').map((part, i) =>
    i % 2 === 0 ? part : el('code', { textContent: part })));
  const main = document.getElementById('operations');
  main.replaceChildren();
  for (const { name } of api.tags) {
    main.append(el('h2', { textContent: name }));
    for (const [path, methods] of Object.entries(api.paths))
      for (const [method, operation] of Object.entries(methods))
        if (operation.tags.includes(name)) main.append(showOperation(api, method, path, operation));
  }
}

function showOperation(api, method, path, operation) {
  const details = el('details', {}, el('summary', {},
    el('code', { textContent: method.toUpperCase() + ' ' + path }), ' ' + operation.summary));
  details.addEventListener('toggle', () => {
    if (details.open && details.children.length === 1) details.append(showForm(api, method, path, operation));
  });
  return details;
}

function showForm(api, method, path, operation) {
  const form = el('form');
  for (const { name, in: where, required, schema } of operation.parameters) {
    const hint = (schema.description || '') + (schema.enum ? ' ' + schema.enum.join(', ') : '');
    form.append(el('label', { title: hint }, name + (required ? ' ' : ' (' + where + ', optional) '),
      el('input', { name: where + ' ' + name, required })));
  }
  const types = Object.entries(operation.requestBody?.content ?? {});
  if (types.length > 0) {
    const [type, { schema }] = types[0];
    const example = type === 'application/json' ? JSON.stringify(exampleOf(api, schema), null, 2) : '';
    form.append(el('label', {}, 'Body ', el('select', { name: 'type' },
      ...types.map(([each]) => el('option', { textContent: each })))));
    form.append(el('textarea', { name: 'body', value: example, spellcheck: false }));
    form.append(el('details', {}, el('summary', { textContent: 'Schema' }),
      el('pre', { textContent: JSON.stringify(resolve(api, schema), null, 2) })));
  }
  const result = el('pre', { hidden: true });
  form.append(button('Send'), result, answersOf(operation));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void send(form, method, path, result);
  });
  return el('div', {}, el('p', { textContent: operation.description }), form);
}

function answersOf(operation) {
  return el('table', {}, ...Object.entries(operation.responses).map(([status, { description }]) =>
    el('tr', {}, el('td', { textContent: status }), el('td', { textContent: description }))));
}

async function send(form, method, path, result) {
  const query = new URLSearchParams();
  const headers = token === '' ? {} : { Authorization: 'Bearer ' + token };
  let url = path;
  for (const input of form.querySelectorAll('input')) {
    const [where, name] = input.name.split(' ');
    if (input.value === '') continue;
    if (where === 'path') url = url.replace('{' + name + '}', encodeURIComponent(input.value));
    if (where === 'query') query.set(name, input.value);
    if (where === 'header') headers[name] = input.value;
  }
  const body = form.elements.namedItem('body');
  if (body !== null && body.value !== '') headers['Content-Type'] = form.elements.namedItem('type').value;
  const asked = { method: method.toUpperCase(), headers, body: body === null || body.value === '' ? undefined : body.value };
  result.hidden = false;
  try {
    const response = await fetch(url + (query.size > 0 ? '?' + query : ''), asked);
    const shown = ['commit-seq', 'idempotency-replayed', 'etag', 'location', 'retry-after', 'x-request-id']
      .filter((name) => response.headers.has(name)).map((name) => name + ': ' + response.headers.get(name));
    result.textContent = [response.status + ' ' + response.statusText, ...shown, '', pretty(await response.text())].join('\\n');
  } catch (error) {
    result.textContent = String(error);
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text.length > 20000 ? text.slice(0, 20000) + ' …' : text;
  }
}

const resolve = (api, schema) =>
  schema.$ref === undefined ? schema : api.components.schemas[schema.$ref.split('/').at(-1)];

function exampleOf(api, given) {
  const schema = resolve(api, given);
  if ('default' in schema) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (schema.type === 'object') {
    return Object.fromEntries((schema.required ?? []).map((name) => [name, exampleOf(api, schema.properties[name])]));
  }
  if (schema.type === 'array') return [exampleOf(api, schema.items ?? {})];
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum ?? 1;
  if (schema.type === 'boolean') return true;
  return '';
}

document.getElementById('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(event.target));
  const response = await fetch('/api/v1/auth/token',
    { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(fields) });
  const answer = await response.json();
  token = answer.accessToken ?? '';
  document.getElementById('who').textContent = token === '' ? answer.detail : 'signed in as ' + fields.email;
});

main().catch((error) => { document.getElementById('operations').textContent = String(error); });
`;
