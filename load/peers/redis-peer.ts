/**
 * The peer that uses Redis: a Lua script looks at the code, moves it and adds to a stream, all in
 * one step; a worker (redis-worker.ts) carries the stream into PostgreSQL. Redis syncs before it
 * answers (`appendfsync always`), so that an answer is worth as much as Clipbook's; commands that
 * come while it syncs share the next sync.
 *
 * It is tuned well for Redis: scripts are called by their hash, commands of one turn of the event
 * loop go out in one write (auto-pipelining), and a random free code is one SPOP.
 */
import { randomUUID } from 'node:crypto';
import { type ClientContext, Redis, type Result } from 'ioredis';
import type { Assigned, PeerStore, Redeemed, Refused } from './service.js';

export const STREAM = 'changes';
export const bookKey = (bookId: string): string => `book:${bookId}`;
export const availableKey = (bookId: string): string => `available:${bookId}`;
export const codeKey = (code: string): string => `code:${code}`;

const BOOK_IS_CLOSED = `
  if not book[1] then return 'noBook' end
  local now = tonumber(ARGV[2])
  if book[1] ~= '1' or (book[2] and tonumber(book[2]) > now) or (book[3] and tonumber(book[3]) <= now) then
    return 'notActive'
  end`;

/** KEYS: book, available codes. ARGV: user, now in ms, book's id. */
const ASSIGN = `
  local book = redis.call('HMGET', KEYS[1], 'isActive', 'startMs', 'endMs')
  ${BOOK_IS_CLOSED}
  local code = redis.call('SPOP', KEYS[2])
  if not code then return 'noneAvailable' end
  redis.call('HSET', 'code:' .. code, 'user', ARGV[1], 'assignedMs', ARGV[2])
  redis.call('XADD', '${STREAM}', '*', 'e', 'assigned', 'b', ARGV[3], 'c', code, 'u', ARGV[1], 't', ARGV[2])
  return { code }`;

/** KEYS: code. ARGV: user, now in ms, code, redemption's id. */
const REDEEM = `
  local code = redis.call('HMGET', KEYS[1], 'book', 'user', 'redeemedMs')
  if not code[1] then return 'noCode' end
  local book = redis.call('HMGET', 'book:' .. code[1], 'isActive', 'startMs', 'endMs', 'redeemableBy')
  ${BOOK_IS_CLOSED}
  if code[3] then return 'usedUp' end
  if code[2] ~= ARGV[1] then
    if code[2] or book[4] ~= 'bearer' then return 'noCode' end
    redis.call('SREM', 'available:' .. code[1], ARGV[3])
  end
  redis.call('HSET', KEYS[1], 'user', ARGV[1], 'redeemedMs', ARGV[2], 'redemption', ARGV[4])
  redis.call('XADD', '${STREAM}', '*', 'e', 'redeemed', 'b', code[1], 'c', ARGV[3], 'u', ARGV[1], 't', ARGV[2], 'r', ARGV[4])
  return { ARGV[4] }`;

declare module 'ioredis' {
  interface RedisCommander<Context> {
    assignCode(
      bookKey: string,
      availableKey: string,
      user: string,
      nowMs: number,
      bookId: string,
    ): ScriptReply<Context>;
    redeemCode(codeKey: string, user: string, nowMs: number, code: string, redemptionId: string): ScriptReply<Context>;
  }
}
/** A text names the refusal. */
type ScriptReply<Context extends ClientContext> = Result<[string] | Refused['kind'], Context>;

export function openRedisStore(url: string): PeerStore {
  const redis = new Redis(url, {
    enableAutoPipelining: true,
    scripts: {
      assignCode: { lua: ASSIGN, numberOfKeys: 2 },
      redeemCode: { lua: REDEEM, numberOfKeys: 1 },
    },
  });
  return {
    async assign(bookId, userId): Promise<Assigned | Refused> {
      const atMs = Date.now();
      const reply = await redis.assignCode(bookKey(bookId), availableKey(bookId), userId, atMs, bookId);
      return typeof reply === 'string' ? { kind: reply } : { kind: 'assigned', code: reply[0], atMs };
    },
    async redeem(code, userId): Promise<Redeemed | Refused> {
      const atMs = Date.now();
      const reply = await redis.redeemCode(codeKey(code), userId, atMs, code, randomUUID());
      return typeof reply === 'string' ? { kind: reply } : { kind: 'redeemed', redemptionId: reply[0], atMs };
    },
    async close() {
      await redis.quit();
    },
  };
}
