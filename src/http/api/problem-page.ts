/**
 * `/problems`, and the page that the `type` of a problem leads to: what it means, what to do, and
 * how it looks.
 */
import { problemExample } from './examples/problems.js';
import { escapeHtml, page, prose } from './page.js';
import { PROBLEMS, type ProblemSlug } from './problem.js';

const SLUGS = Object.keys(PROBLEMS) as ProblemSlug[];

/** What a class of statuses has in common. */
const CLASSES = [
  { from: 400, to: 499, title: 'The request can’t be done as it is' },
  { from: 500, to: 599, title: 'The server can’t do it now' },
] as const;

export function problemPage(slug: ProblemSlug): string {
  const { status, title, about, remedy } = PROBLEMS[slug];
  return page(
    title,
    `<h1>${escapeHtml(title)}</h1>
<p><span class="status">Status ${status}</span> <code class="slug">/problems/${slug}</code></p>
<h2>What it means</h2>
<p>${prose(about)}</p>
<h2>What to do</h2>
<p>${prose(remedy)}</p>
<h2>What the answer looks like</h2>
<pre>${escapeHtml(JSON.stringify(problemExample(slug).value, null, 2))}</pre>
<p><a href="/problems">All problems</a></p>`,
  );
}

export function problemIndex(): string {
  const groups = CLASSES.map(({ from, to, title }) => {
    const slugs = SLUGS.filter((slug) => PROBLEMS[slug].status >= from && PROBLEMS[slug].status <= to);
    const byStatus = slugs.sort((a, b) => PROBLEMS[a].status - PROBLEMS[b].status);
    return `<h2>${title}</h2>\n<ul class="list">\n${byStatus.map(item).join('\n')}\n</ul>`;
  });
  return page(
    'Problems',
    `<h1>Problems</h1>
<p class="lead">Every error of the API is one of these. The <code>type</code> of the answer names its page.</p>
${groups.join('\n')}`,
  );
}

function item(slug: ProblemSlug): string {
  const { status, title } = PROBLEMS[slug];
  return `<li><a href="/problems/${slug}">${escapeHtml(title)} <code>${status}</code></a></li>`;
}
