/** Whose address a request counts under, whatever stands in its headers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClientAddresses } from '../../src/http/server/client-address.js';
import { isWithin, limitNameOf, parseAddress, parseRange } from '../../src/http/server/ip-address.js';

function addressOf(text: string) {
  const address = parseAddress(text);
  assert.ok(address !== null, text);
  return address;
}

function rangeOf(text: string) {
  const range = parseRange(text);
  assert.ok(range !== null, text);
  return range;
}

const named = (text: string): string => limitNameOf(addressOf(text));
const PROXY = '10.0.0.1';
const clients = createClientAddresses(['10.0.0.0/8', '2001:db8:ffff::/48', '::1'].map(rangeOf));

/** `[Forwarded, X-Forwarded-For]` and the client that they name behind the proxy. */
const CASES: readonly (readonly [forwarded: string, forwardedFor: string, client: string])[] = [
  ['', '', PROXY],
  ['', '192.0.2.1', '192.0.2.1'],
  ['', '192.0.2.1:4711', '192.0.2.1'],
  ['', '  192.0.2.1  ', '192.0.2.1'],
  ['', '2001:db8::7', '2001:db8::7'],
  ['', '[2001:db8::7]', '2001:db8::7'],
  ['', '[2001:db8::7]:443', '2001:db8::7'],
  ['', '::ffff:192.0.2.1', '192.0.2.1'],
  // The right-most address that is no trusted proxy.
  ['', '203.0.113.9, 192.0.2.1', '192.0.2.1'],
  ['', '203.0.113.9, 192.0.2.1, 10.2.3.4, 2001:db8:ffff::1', '192.0.2.1'],
  ['', '10.9.9.9, 10.2.3.4', '10.9.9.9'],
  // What can't be read ends the search at the last proxy that is known.
  ['', 'unknown', PROXY],
  ['', '192.0.2.1, unknown', PROXY],
  ['', '192.0.2.1, unknown, 10.2.3.4', '10.2.3.4'],
  ['', '192.0.2.1,', PROXY],
  ['', '192.0.2.1 203.0.113.9', PROXY],
  ['', '192.0.2.1%eth0', PROXY],
  ['', '192.0.2.256', PROXY],
  ['', '0192.0.2.1', PROXY],
  ['', '3221225985', PROXY],
  ['', `${'1.2.3.4,'.repeat(500)}192.0.2.1`, '192.0.2.1'],
  ['', '\u0000', PROXY],
  ['for=192.0.2.1', '', '192.0.2.1'],
  ['For="192.0.2.1:80"', '', '192.0.2.1'],
  ['for=192.0.2.1;proto=https;by=10.0.0.1', '', '192.0.2.1'],
  ['proto=https ; host="a,b;c=\\"d" ; FOR="[2001:db8::7]:443"', '', '2001:db8::7'],
  ['for=203.0.113.9, for=192.0.2.1;proto=http, for=10.3.3.3', '', '192.0.2.1'],
  ['for=192.0.2.1, for=unknown', '', PROXY],
  ['for=192.0.2.1, for=_hidden', '', PROXY],
  ['for=192.0.2.1, proto=https', '', PROXY],
  ['for=192.0.2.1;for=203.0.113.9', '', PROXY],
  ['for=[2001:db8::7]', '', PROXY],
  ['192.0.2.1', '', PROXY],
  ['for=', '', PROXY],
  [',', '', PROXY],
  // A client opens a quote, so that what the proxy adds would be inside of it.
  ['for="203.0.113.9, for=192.0.2.1', '', PROXY],
  ['for="203.0.113.9, for="[2001:db8::7]"', '', PROXY],
  ['for=203.0.113.9;x="\\, for="192.0.2.1"', '', PROXY],
  // Both are believed when they agree.
  ['for=192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ['for=203.0.113.9', '203.0.113.9, 192.0.2.1', PROXY],
  ['for=203.0.113.9, for=192.0.2.1', '203.0.113.9', PROXY],
  ['nonsense', '192.0.2.1', PROXY],
];

test('behind a trusted proxy the right-most address that is no trusted proxy is the client', () => {
  for (const [forwarded, forwardedFor, client] of CASES) {
    const said = `Forwarded: ${forwarded.slice(0, 80)}, X-Forwarded-For: ${forwardedFor.slice(0, 80)}`;
    for (const peer of [PROXY, `::ffff:${PROXY}`, '0000:0000:0000:0000:0000:ffff:0a00:0001']) {
      assert.equal(clients.of(peer, forwarded, forwardedFor), named(client), said);
    }
  }
});

test('headers of a client that is not a trusted proxy are ignored', () => {
  for (const [forwarded, forwardedFor] of CASES) {
    assert.equal(clients.of('198.51.100.3', forwarded, forwardedFor), named('198.51.100.3'));
    assert.equal(createClientAddresses([]).of(PROXY, forwarded, forwardedFor), named(PROXY));
  }
});

test('a header of many quotes is read in a moment', () => {
  const begun = performance.now();
  for (const piece of ['for="', '"', '\\"', 'a=b;', ',', ' ', '";']) clients.of(PROXY, piece.repeat(4096), '');
  assert.ok(performance.now() - begun < 1000);
});

test('connections of a trusted proxy are not counted by address', () => {
  assert.equal(clients.ofConnection(PROXY), null);
  assert.equal(clients.ofConnection('::1'), null);
  assert.equal(clients.ofConnection('192.0.2.1'), named('192.0.2.1'));
});

test('an IPv6 address counts under its /64, an IPv4 address under itself, however it is written', () => {
  assert.equal(named('2001:db8:1:2:3:4:5:6'), named('2001:0DB8:1:2::'));
  assert.notEqual(named('2001:db8:1:2::'), named('2001:db8:1:3::'));
  assert.equal(named('::ffff:192.0.2.1'), named('192.0.2.1'));
  assert.equal(named('::ffff:c000:201'), named('192.0.2.1'));
  assert.notEqual(named('192.0.2.1'), named('192.0.2.2'));
});

test('a range holds what begins like it, and nothing else', () => {
  const rows: readonly (readonly [string, string, boolean])[] = [
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.0.0.0/8', 'a00::', false],
    ['192.0.2.128/25', '192.0.2.128', true],
    ['192.0.2.128/25', '192.0.2.127', false],
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::/0', '2001:db8::1', true],
    ['::/0', '203.0.113.9', true],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['::1', '::1', true],
    ['::1', '::2', false],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0', true],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8', true],
  ];
  for (const [range, address, expected] of rows) {
    assert.equal(isWithin(rangeOf(range), addressOf(address)), expected, `${address} in ${range}`);
  }
});
