/**
 * The page at `/api-docs`: Scalar's API reference over `/openapi.json`, with a bar on top to sign
 * in. Everything comes from this server. Scalar writes its style into the page, so this page alone
 * allows inline styles.
 */
import { SCALAR_VERSION } from './scalar.js';

export const API_PAGE_SCRIPT_PATH = '/assets/api-docs.js';
export const API_PAGE_STYLE_PATH = '/assets/api-docs.css';
/** The version is in the path, so browsers may keep the file for good. */
export const SCALAR_PATH = `/assets/scalar-${SCALAR_VERSION}.js`;

export const API_PAGE_HEADERS =
  "\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer";

export const API_PAGE_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Clipbook API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${API_PAGE_STYLE_PATH}">
<script src="${SCALAR_PATH}" defer></script>
<script src="${API_PAGE_SCRIPT_PATH}" defer></script>
</head>
<body>
<form id="sign-in">
<a href="/">Clipbook</a>
<input name="email" type="email" autocomplete="username" placeholder="Email" aria-label="Email" required>
<input name="password" type="password" autocomplete="current-password" placeholder="Password" aria-label="Password" required>
<button>Sign in</button>
<output id="who">Sign in to try requests</output>
</form>
<div id="reference"></div>
<noscript>This page needs JavaScript. The description itself is at <a href="/openapi.json">/openapi.json</a>.</noscript>
</body>
</html>
`;

export const API_PAGE_CSS = `:root { color-scheme: light dark; }
body { margin: 0; }
#sign-in {
  position: relative; z-index: 20; display: flex; flex-wrap: wrap; gap: .5rem; align-items: center;
  box-sizing: border-box; min-height: 3rem; padding: .5rem 1rem;
  font: 14px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  color: light-dark(#1c1d20, #e8e8e6); background: light-dark(#ffffff, #0f0f0f);
  border-bottom: 1px solid light-dark(#e3e3df, #2c2f36);
}
.dark-mode #sign-in { color-scheme: dark; }
.light-mode #sign-in { color-scheme: light; }
#sign-in a { font-weight: 700; color: inherit; text-decoration: none; margin-right: auto; }
#sign-in input { font: inherit; width: 11rem; padding: .25rem .5rem; border: 1px solid light-dark(#c9c9c4, #454a54); border-radius: .4rem; color: inherit; background: transparent; }
#sign-in button { font: inherit; padding: .25rem .8rem; border: 0; border-radius: .4rem; color: #fff; background: #0b57c2; cursor: pointer; }
#sign-in output { color: light-dark(#5d6068, #a0a4ad); }
@media (max-width: 42rem) {
  #sign-in { display: grid; grid-template-columns: 1fr 1fr auto; }
  #sign-in input { width: auto; min-width: 0; }
  #sign-in output { grid-area: 1 / 2 / 2 / 4; text-align: right; }
}
`;

export const API_PAGE_JS = `'use strict';
const settings = (token) => ({
  url: '/openapi.json',
  theme: 'default',
  layout: 'modern',
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
  defaultOpenFirstTag: true,
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  operationTitleSource: 'summary',
  authentication: {
    preferredSecurityScheme: 'bearer',
    securitySchemes: { bearer: { token } },
  },
});
const reference = Scalar.createApiReference('#reference', settings(''));
const who = document.getElementById('who');

document.getElementById('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(event.target));
  who.textContent = 'Signing in …';
  try {
    const response = await fetch('/api/v1/auth/token', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(fields),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail);
    reference.updateConfiguration(settings(answer.accessToken));
    who.textContent = 'Signed in as ' + fields.email;
    event.target.password.value = '';
  } catch (error) {
    who.textContent = error.message;
  }
});
`;
