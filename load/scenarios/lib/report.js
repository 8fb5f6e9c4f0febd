/** k6's results as an HTML page and as JSON, without anything from outside. */
const RESULTS = __ENV.RESULTS;

export function reportAs(scenario) {
  return (data) => ({
    stdout: text(scenario, data),
    [`${RESULTS}/${scenario}.json`]: JSON.stringify(data, null, 2),
    [`${RESULTS}/${scenario}.html`]: html(scenario, data),
  });
}

const round = (value) => (typeof value === 'number' ? Math.round(value * 1000) / 1000 : value);

function rows(data) {
  return Object.entries(data.metrics)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { values, thresholds = {} }]) => ({
      name,
      values: Object.entries(values)
        .map(([key, value]) => `${key}=${round(value)}`)
        .join(' '),
      thresholds: Object.entries(thresholds).map(([rule, { ok }]) => ({ rule, ok })),
    }));
}

function text(scenario, data) {
  const lines = rows(data).map(({ name, values, thresholds }) => {
    const judged = thresholds.map(({ rule, ok }) => ` ${ok ? 'holds' : 'FAILS'}: ${rule}`).join(';');
    return `  ${name.padEnd(36)} ${values}${judged}`;
  });
  return `${scenario}\n${lines.join('\n')}\n`;
}

function html(scenario, data) {
  const escapeHtml = (part) => String(part).replace(/&/g, '&amp;').replace(/</g, '&lt;');
  const body = rows(data)
    .map(({ name, values, thresholds }) => {
      const judged = thresholds
        .map(({ rule, ok }) => `<span class="${ok ? 'ok' : 'no'}">${escapeHtml(rule)}</span>`)
        .join(' ');
      return `<tr><td>${escapeHtml(name)}</td><td>${escapeHtml(values)}</td><td>${judged}</td></tr>`;
    })
    .join('\n');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${scenario}</title>
<style>body{font:14px system-ui;margin:2rem}td{padding:.2rem .8rem;border-bottom:1px solid #ddd}.ok{color:#060}.no{color:#b00;font-weight:bold}</style>
<h1>${scenario}</h1><p>${new Date().toISOString()}</p><table>${body}</table></html>\n`;
}
