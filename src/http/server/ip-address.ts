/**
 * IP addresses and ranges of them, as numbers: IPv4 stands where IPv6 maps it (`::ffff:a.b.c.d`),
 * so that both are compared alike.
 */
import { isIP } from 'node:net';

/** Eight groups of 16 bits. */
export type IpAddress = readonly number[];

/** All addresses that begin with the first `bits` of `address`. */
export interface IpRange {
  readonly address: IpAddress;
  readonly bits: number;
}

const GROUPS = 8;
const GROUP_BITS = 16;
const MAPPED = [0, 0, 0, 0, 0, 0xffff];
const MAPPED_BITS = MAPPED.length * GROUP_BITS;

/** Null where the text is no address. A zone (`%eth0`) is none of ours to judge. */
export function parseAddress(text: string): IpAddress | null {
  switch (text.includes('%') ? 0 : isIP(text)) {
    case 4:
      return [...MAPPED, ...groupsOfIpv4(text)];
    case 6: {
      const [head = '', tail] = text.split('::');
      const first = groupsOf(head);
      if (tail === undefined) return first;
      const last = groupsOf(tail);
      return [...first, ...new Array<number>(GROUPS - first.length - last.length).fill(0), ...last];
    }
    default:
      return null;
  }
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => (group.includes('.') ? groupsOfIpv4(group) : [Number.parseInt(group, 16)]));
}

function groupsOfIpv4(text: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return [a * 256 + b, c * 256 + d];
}

/**
 * `address` or `address/bits`; null where the text is neither, or where bits behind the range are
 * set: a typing error.
 */
export function parseRange(text: string): IpRange | null {
  const [base = '', bits, ...rest] = text.split('/');
  const address = parseAddress(base);
  if (address === null || rest.length > 0) return null;
  const bitsBefore = base.includes(':') ? 0 : MAPPED_BITS;
  if (bits === undefined) return { address, bits: GROUPS * GROUP_BITS };
  if (!/^\d{1,3}$/.test(bits) || bitsBefore + Number(bits) > GROUPS * GROUP_BITS) return null;
  const range = { address, bits: bitsBefore + Number(bits) };
  return address.every((group, i) => (group & ~maskOf(range.bits, i)) === 0) ? range : null;
}

export function isWithin(range: IpRange, address: IpAddress): boolean {
  return range.address.every((group, i) => ((group ^ (address[i] ?? 0)) & maskOf(range.bits, i)) === 0);
}

/** Of the group at this index: the bits that belong to the range. */
function maskOf(bits: number, index: number): number {
  const here = Math.min(Math.max(bits - index * GROUP_BITS, 0), GROUP_BITS);
  return (0xffff << (GROUP_BITS - here)) & 0xffff;
}

/**
 * What limits by address count under. Of IPv6 it is the /64: whoever has one address there has 2^64
 * of them.
 */
export function limitNameOf(address: IpAddress): string {
  const isIpv4 = MAPPED.every((group, i) => address[i] === group);
  const groups = isIpv4 ? address.slice(MAPPED.length) : address.slice(0, GROUPS / 2);
  return groups.map((group) => group.toString(16)).join(':');
}
