/**
 * The configurations of fronts that the docs tell to install have what docs/http.md and
 * docs/limits.md ask for.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (name: string): string => readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8');

test('nginx closes idle connections before Clipbook does, and passes on one header with the address', () => {
  for (const name of ['nginx.conf', 'nginx-tls.conf']) {
    const text = read(name);
    for (const setting of [
      'keepalive_timeout 5s;',
      'large_client_header_buffers 4 16k;',
      'client_max_body_size 8m;',
      'proxy_http_version 1.1;',
      'proxy_set_header Connection "";',
      'proxy_set_header Forwarded "";',
      'proxy_request_buffering off;',
    ])
      assert.ok(text.includes(setting), `${name}: ${setting}`);
    assert.match(text, /proxy_set_header X-Forwarded-For \$(?:remote_addr|proxy_add_x_forwarded_for);/, name);
  }
});

test('HAProxy does as nginx', () => {
  const text = read('haproxy.cfg');
  for (const setting of ['pool-purge-delay 4s', 'option forwardfor', 'http-request del-header Forwarded'])
    assert.ok(text.includes(setting), setting);
});
