/**
 * Reads TypeScript without a parser, well enough to find imports and identifiers.
 *
 * The compiler (TypeScript 7) has no stable interface for programs yet, and a parser only for this
 * would be a dependency more to keep. So: `blankOut` replaces what is inside comments, strings,
 * templates and regular expressions by spaces, of the same length and with the same line ends. What
 * is left can be searched with plain expressions without ever matching prose, and an offset in it
 * is an offset in the source.
 */

export interface Import {
  readonly specifier: string;
  /** 1-based. */
  readonly line: number;
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

/**
 * Every static and dynamic import and re-export whose specifier is a literal, in the order of the
 * source.
 */
export function importsOf(source: string): Import[] {
  return importClausesOf(source).map(({ specifier, line, clause }) => ({
    specifier,
    line,
    typeOnly: clause !== null && isTypeOnly(clause),
  }));
}

/**
 * The same with what is imported: `clause` is the text between `import` or `export` and `from`;
 * null where there is none.
 */
export function importClausesOf(source: string): (Omit<Import, 'typeOnly'> & { readonly clause: string | null })[] {
  const blanked = blankOut(source);
  return [...blanked.matchAll(IMPORT)].map((match) => {
    const quoteAt = match.index + match[0].length - 1;
    const endAt = source.indexOf(source.charAt(quoteAt), quoteAt + 1);
    return {
      specifier: source.slice(quoteAt + 1, endAt),
      line: lineAt(source, quoteAt),
      clause: match[1] ?? null,
    };
  });
}

export function lineAt(source: string, offset: number): number {
  let line = 1;
  for (let at = source.indexOf('\n'); at !== -1 && at < offset; at = source.indexOf('\n', at + 1)) line++;
  return line;
}

/**
 * `import …from '`, `import '`, `export …from '` (what stands between in group 1), or `import('`.
 */
const IMPORT = /\b(?:import|export)\b(?:([^'"`;=()]*?)\bfrom\s*|\s*\(\s*|\s*)['"]/g;

function isTypeOnly(clause: string): boolean {
  const text = clause.trim();
  if (/^type\b(?!\s*,)/.test(text)) return true;
  const named = /^\{([^}]*)\}$/.exec(text)?.[1];
  const names = named?.split(',').filter((name) => name.trim() !== '');
  return names !== undefined && names.length > 0 && names.every((name) => /^\s*type\s+\w/.test(name));
}

/**
 * Where a `/` begins a regular expression: after an operator, an opening bracket, or one of these
 * words.
 */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|void|throw|yield|await))\s*$/;
const LOOK_BACK = 60;

export function blankOut(source: string): string {
  const out = source.split('');
  const blank = (from: number, to: number) => {
    for (let at = from; at < Math.min(to, out.length); at++) if (out[at] !== '\n') out[at] = ' ';
  };
  /** For each template that is open: how many braces are open inside its current `${}`. */
  const templates: number[] = [];

  let at = 0;
  const skipTemplate = () => {
    const end = endOfTemplateChunk(source, at);
    blank(at, end);
    at = end;
    if (source[at] === '`') at++;
    else {
      templates.push(0);
      at += 2;
    }
  };

  while (at < source.length) {
    const two = source.slice(at, at + 2);
    const one = source.charAt(at);
    const depth = templates.at(-1);
    if (two === '//' || two === '/*') {
      const found = two === '//' ? source.indexOf('\n', at) : source.indexOf('*/', at + 2) + 2;
      const end = found < at + 2 ? source.length : found;
      blank(at, end);
      at = end;
    } else if (one === "'" || one === '"') {
      const end = endOfQuoted(source, at + 1, one);
      blank(at + 1, end);
      at = end + 1;
    } else if (one === '`') {
      at++;
      skipTemplate();
    } else if (one === '/' && BEFORE_REGEX.test(out.slice(Math.max(0, at - LOOK_BACK), at).join(''))) {
      const end = endOfRegex(source, at + 1);
      blank(at + 1, end);
      at = end + 1;
    } else if (one === '}' && depth === 0) {
      templates.pop();
      at++;
      skipTemplate();
    } else {
      if (depth !== undefined && (one === '{' || one === '}'))
        templates[templates.length - 1] = depth + (one === '{' ? 1 : -1);
      at++;
    }
  }
  return out.join('');
}

function endOfQuoted(source: string, from: number, quote: string): number {
  let at = from;
  while (at < source.length && source[at] !== quote && source[at] !== '\n') at += source[at] === '\\' ? 2 : 1;
  return at;
}

/** At the closing backtick, or at the `${` of the next substitution. */
function endOfTemplateChunk(source: string, from: number): number {
  let at = from;
  while (at < source.length && source[at] !== '`' && source.slice(at, at + 2) !== '${')
    at += source[at] === '\\' ? 2 : 1;
  return at;
}

function endOfRegex(source: string, from: number): number {
  let inClass = false;
  let at = from;
  while (at < source.length && source[at] !== '\n' && (inClass || source[at] !== '/')) {
    if (source[at] === '[') inClass = true;
    if (source[at] === ']') inClass = false;
    at += source[at] === '\\' ? 2 : 1;
  }
  return at;
}
