/**
 * `/`: a start page for people, and JSON for programs that look for the description.
 */
import { escapeHtml, page } from './page.js';

export function homePage(version: string): string {
  return page(
    'Clipbook',
    `<h1>Clipbook is running</h1>
<p class="lead">A coupon engine: it hands out unique codes, locks and redeems them, and answers when the answer is on disk.</p>
<ul class="cards">
<li><a href="/api-docs"><strong>API documentation</strong><span>Read every operation and try it</span></a></li>
<li><a href="/openapi.json"><strong>OpenAPI description</strong><span>For generated clients and tools</span></a></li>
<li><a href="/asyncapi.json"><strong>AsyncAPI description</strong><span>Live updates over WebSocket and SSE</span></a></li>
<li><a href="/problems"><strong>Problems</strong><span>What each error means and what to do</span></a></li>
<li><a href="/readyz"><strong>Readiness</strong><span>Whether all parts serve: <code>/readyz</code></span></a></li>
<li><a href="/livez"><strong>Liveness</strong><span>Whether the process answers: <code>/livez</code></span></a></li>
<li><a href="/metrics"><strong>Metrics</strong><span>For Prometheus: <code>/metrics</code></span></a></li>
</ul>
<footer>Version ${escapeHtml(version)}</footer>`,
  );
}

export const homeJson = (version: string): string =>
  JSON.stringify({
    name: 'Clipbook',
    version,
    documentation: '/api-docs',
    description: '/openapi.json',
    events: '/asyncapi.json',
    problems: '/problems',
    alive: '/livez',
    ready: '/readyz',
    metrics: '/metrics',
  });
