/**
 * The pages that the server itself shows. They load one style sheet from this server and nothing
 * else: no script, no font, no picture, so that the policy they are served under can forbid all of
 * it.
 */
export const HTML = 'text/html; charset=utf-8';
export const PAGE_STYLE_PATH = '/assets/page.css';

/** Nothing but the style sheet. */
export const PAGE_HEADERS =
  "\r\nContent-Security-Policy: default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer";

/** `main` is HTML. */
export function page(title: string, main: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="stylesheet" href="${PAGE_STYLE_PATH}">
</head>
<body>
<header><a class="brand" href="/">Clipbook</a><nav><a href="/api-docs">API</a><a href="/problems">Problems</a></nav></header>
<main>
${main}
</main>
</body>
</html>
`;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
export const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? '');

/** A text with `code` and [links](/path) as HTML. */
export function prose(text: string): string {
  return escapeHtml(text)
    .replace(/`([^`]+)`/g, '<code>$1</code>')
    .replace(/\[([^\]]+)\]\((\/[^)\s]*)\)/g, '<a href="$2">$1</a>');
}

export const PAGE_CSS = `:root {
  color-scheme: light dark;
  --page: light-dark(#fbfbfa, #121316);
  --card: light-dark(#ffffff, #1a1c20);
  --line: light-dark(#e3e3df, #2c2f36);
  --text: light-dark(#1c1d20, #e8e8e6);
  --quiet: light-dark(#5d6068, #a0a4ad);
  --link: light-dark(#0b57c2, #8ab4ff);
  --fault: light-dark(#9a4a00, #ffb27a);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); }
header, main { max-width: 46rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; justify-content: space-between; align-items: baseline; padding-top: 1.1rem; }
header a { text-decoration: none; }
nav a { margin-left: 1.1rem; }
.brand { font-weight: 700; color: var(--text); letter-spacing: -0.01em; }
main { padding-bottom: 4rem; }
h1 { font-size: clamp(1.7rem, 5vw, 2.3rem); line-height: 1.2; letter-spacing: -0.02em; margin: 2.2rem 0 .4rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
p { margin: 0 0 .8rem; }
.lead { font-size: 1.1rem; color: var(--quiet); margin-bottom: 1.6rem; }
a { color: var(--link); }
code, pre { font: .9em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
p code, li code { overflow-wrap: anywhere; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.status { color: var(--fault); font-weight: 600; }
.slug { color: var(--quiet); overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .8rem; padding: 0; list-style: none; }
.cards a { display: block; height: 100%; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem; text-decoration: none; color: var(--text); }
.cards a:hover, .cards a:focus-visible { border-color: var(--link); }
.cards strong { display: block; color: var(--link); }
.cards span { color: var(--quiet); font-size: .93rem; }
.list { padding: 0; list-style: none; border-top: 1px solid var(--line); }
.list li { border-bottom: 1px solid var(--line); }
.list a { display: flex; gap: .8rem; justify-content: space-between; align-items: baseline; padding: .5rem 0; text-decoration: none; }
.list code { color: var(--quiet); text-align: right; }
footer { margin-top: 2.5rem; color: var(--quiet); font-size: .9rem; }
`;
