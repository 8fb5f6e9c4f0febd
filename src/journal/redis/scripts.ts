/**
 * What runs inside Redis. Each script touches the keys of a shard, `stream` and `epoch`, in pairs;
 * several pairs only where the server is no cluster. Taking over also touches `installation` and
 * `start`.
 *
 * A script with a shebang (Redis 7.0) says what it may do when there is no memory left: without a
 * flag it is refused before it begins, so an append never stops halfway for want of room; with
 * `allow-oom` it runs, which taking over (to be able to read, and to refuse commands in good order)
 * and trimming (which makes room) must.
 *
 * The last entry is looked at with XREVRANGE, although that copies its payload. XINFO STREAM would
 * tell `last-generated-id`, but that survives the deletion of the entries themselves, so a tail
 * that was cut would go unnoticed; it copies two payloads besides. The last entry is never trimmed,
 * so a stream that was written to is never empty.
 */
import { createHash } from 'node:crypto';

export interface Script {
  readonly text: string;
  readonly sha: string;
}

/**
 * Compare-and-append. KEYS: stream, epoch, …; ARGV: epoch, mark of the last entry, id, entry, ….
 * All go in, or none: 1, or `[place of the pair from 1, 'epoch', epoch]`, or `[place, 'tail', id of
 * the last entry or '', the last entry or '']`.
 */
export const APPEND: Script = script(`#!lua
for n = 1, #KEYS / 2 do
  local epoch = redis.call('GET', KEYS[2 * n])
  if epoch ~= ARGV[4 * n - 3] then return {n, 'epoch', epoch or ''} end
  local last = redis.call('XREVRANGE', KEYS[2 * n - 1], '+', '-', 'COUNT', 1)[1]
  local mark = last and string.sub(last[2][2], 1, 33) or ''
  if mark ~= ARGV[4 * n - 2] then return {n, 'tail', last and last[1] or '', last and last[2][2] or ''} end
end
for n = 1, #KEYS / 2 do
  redis.call('XADD', KEYS[2 * n - 1], ARGV[4 * n - 1], 'e', ARGV[4 * n])
end
return 1`);

/**
 * Takes a shard over. KEYS: stream, epoch, installation, start; ARGV: the epoch that was read
 * before, a token that nobody else has, the sequence after which the shard goes on where a loss is
 * accepted, else '', and the id of the installation, '' for none. `[new epoch, id of the last entry
 * or '', the last entry or '', the highest id that ever was, the start]`. 0 when the epoch is
 * another one by now: a call that was held up on its way must not shut out who came after it.
 * `['installation', id or '']`, and nothing is taken, when the shard is another installation's.
 *
 * The token makes an epoch unlike any other even when a failover brought an older count back. Where
 * a loss is accepted, the stream may end before ids that it has had; then these may come again. The
 * start is kept, because the stream itself does not tell it before the next entry.
 */
export const TAKE: Script = script(`#!lua flags=allow-oom
local installation = redis.call('GET', KEYS[3]) or ''
if installation ~= ARGV[4] then return {'installation', installation} end
local before = redis.call('GET', KEYS[2]) or ''
if before ~= ARGV[1] then return 0 end
local count = tonumber(string.match(before, '^%d+') or 0) + 1
local epoch = string.format('%d:%s', count, ARGV[2])
redis.call('SET', KEYS[2], epoch)
local start = redis.call('GET', KEYS[4]) or '0'
if ARGV[3] ~= '' and tonumber(ARGV[3]) > tonumber(start) then
  start = ARGV[3]
  redis.call('SET', KEYS[4], start)
end
if redis.call('EXISTS', KEYS[1]) == 0 then return {epoch, '', '', '0-0', start} end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local highest = '0-0'
for n = 1, #info, 2 do
  if info[n] == 'last-generated-id' then highest = info[n + 1] end
end
if ARGV[3] ~= '' and highest ~= (last and last[1] or '0-0') then
  if last then redis.call('XSETID', KEYS[1], last[1]) else redis.call('DEL', KEYS[1]) end
end
return {epoch, last and last[1] or '', last and last[2][2] or '', highest, start}`);

/**
 * Goes on over a new connection when nothing was in flight on the old one. KEYS: stream, epoch;
 * ARGV: old epoch, new epoch, mark of the last entry. 1, or what APPEND says. The new epoch shuts
 * out whatever the old connection may still deliver; it may be there already, from a try whose
 * answer was lost.
 */
export const RESUME: Script = script(`#!lua flags=allow-oom
local epoch = redis.call('GET', KEYS[2])
if epoch ~= ARGV[1] and epoch ~= ARGV[2] then return {1, 'epoch', epoch or ''} end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local mark = last and string.sub(last[2][2], 1, 33) or ''
if mark ~= ARGV[3] then return {1, 'tail', last and last[1] or '', last and last[2][2] or ''} end
redis.call('SET', KEYS[2], ARGV[2])
return 1`);

/**
 * Drops whole nodes of entries before the one that holds a sequence. KEYS: stream, epoch; ARGV:
 * epoch, id with that sequence, how many at most. Ids are first sequences, so what comes before the
 * last id that is not greater ends before the sequence. Returns how many went, or -1 when another
 * writer owns the shard.
 */
export const TRIM: Script = script(`#!lua flags=allow-oom
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
local first = redis.call('XREVRANGE', KEYS[1], ARGV[2], '-', 'COUNT', 1)[1]
if not first then return 0 end
return redis.call('XTRIM', KEYS[1], 'MINID', '~', first[1], 'LIMIT', ARGV[3])`);

export const SCRIPTS: readonly Script[] = [APPEND, TAKE, RESUME, TRIM];

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}
