import { parsePattern } from '../../codes/pattern.js';
import type { Exchange } from '../exchange/exchange.js';

/**
 * False for a pattern that makes reserved words only, which is answered then. What can't be read at
 * all never comes here: the schema has refused it, but the schema does not know the words.
 */
export function isPatternUsable(exchange: Exchange, codePattern: string | null | undefined): boolean {
  if (codePattern == null) return true;
  const parsed = parsePattern(codePattern, exchange.services.reserved);
  if (parsed.kind === 'pattern') return true;
  exchange.answer.invalid([{ path: 'codePattern', message: parsed.message }]);
  return false;
}
