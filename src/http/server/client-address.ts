/**
 * Which address a request is counted under. Behind a proxy every connection has the proxy's
 * address, and the client's stands in `Forwarded` (RFC 7239) or `X-Forwarded-For`, which anybody
 * may write. So they are read from the right, where the last proxy wrote, and only as far as
 * proxies are trusted: the right-most address that is no trusted proxy is the client.
 *
 * A proxy mostly writes one of the two and passes the other on as the client sent it. Where both
 * are there and name different clients, neither is believed. Unreadable entries are not believed,
 * and neither is anything to the left of them. The request then counts under the last known proxy,
 * which all such requests share and the client can't choose.
 */
import { type IpAddress, type IpRange, isWithin, limitNameOf, parseAddress } from './ip-address.js';

export interface ClientAddresses {
  /**
   * What a request counts under. '' for a header that was not sent; several of one name are joined
   * by commas.
   */
  of(peer: string, forwarded: string, forwardedFor: string): string;
  /** What a connection counts under; null for a trusted proxy, which opens many for others. */
  ofConnection(peer: string): string | null;
}

export function createClientAddresses(trusted: readonly IpRange[]): ClientAddresses {
  const isTrusted = (address: IpAddress): boolean => trusted.some((range) => isWithin(range, address));

  /** The client, as a list of hops tells it, the nearest hop last. */
  function clientBehind(peer: IpAddress, hops: readonly (IpAddress | null)[]): IpAddress {
    let nearest = peer;
    for (let at = hops.length - 1; at >= 0; at--) {
      const hop = hops[at] ?? null;
      if (hop === null) return nearest;
      if (!isTrusted(hop)) return hop;
      nearest = hop;
    }
    return nearest;
  }

  return {
    of(peerText, forwarded, forwardedFor) {
      const peer = parseAddress(peerText);
      if (peer === null) return peerText;
      const own = limitNameOf(peer);
      if (trusted.length === 0 || (forwarded === '' && forwardedFor === '') || !isTrusted(peer)) return own;
      const byForwarded = limitNameOf(clientBehind(peer, hopsOfForwarded(forwarded)));
      const byForwardedFor = limitNameOf(clientBehind(peer, hopsOfForwardedFor(forwardedFor)));
      if (forwarded === '') return byForwardedFor;
      if (forwardedFor === '') return byForwarded;
      return byForwarded === byForwardedFor ? byForwarded : own;
    },
    ofConnection(peerText) {
      const peer = parseAddress(peerText);
      if (peer === null) return peerText;
      return isTrusted(peer) ? null : limitNameOf(peer);
    },
  };
}

const hopsOfForwardedFor = (text: string): (IpAddress | null)[] =>
  text.split(',').map((hop) => addressOfNode(hop.trim()));

const TOKEN = String.raw`[!#$%&'*+\-.^_\`|~0-9A-Za-z]+`;
const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
/** A parameter and what comes after it: `;` goes on with the same hop, `,` with the next. */
const PARAMETER = new RegExp(String.raw`[\t ]*(?:(${TOKEN})=(${TOKEN}|${QUOTED}))?[\t ]*([;,]|$)`, 'y');

/**
 * By RFC 7239, section 4. Empty when the header does not follow it: a quote left open could swallow
 * what a proxy added.
 */
function hopsOfForwarded(text: string): (IpAddress | null)[] {
  const hops: (IpAddress | null)[] = [];
  let hop: IpAddress | null = null;
  let isNamed = false;
  PARAMETER.lastIndex = 0;
  for (;;) {
    const parameter = PARAMETER.exec(text);
    if (parameter === null) return [];
    const [, name, value = '', end] = parameter;
    if (name?.toLowerCase() === 'for') {
      // Named twice, it names nobody.
      hop = isNamed ? null : addressOfNode(unquoted(value));
      isNamed = true;
    }
    if (end === ';') continue;
    hops.push(hop);
    if (end === '') return hops;
    hop = null;
    isNamed = false;
  }
}

const unquoted = (value: string): string =>
  value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;

/**
 * `192.0.2.1`, `[2001:db8::1]`, each with or without a port, or a bare IPv6 address. Null for
 * `unknown`, `_hidden` and the like.
 */
function addressOfNode(node: string): IpAddress | null {
  const match = /^(?:\[([^\]]*)\]|([\d.]+))(?::[\w.-]{1,32})?$/.exec(node);
  return parseAddress(match === null ? node : (match[1] ?? match[2] ?? ''));
}
