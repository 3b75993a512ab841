// JSON as people read it. Pure.

const LONGEST = 200_000;
const DEEPEST = 50;
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * A JSON text with a line for each value, each value as it was written: no number is rounded, no name is dropped. Null
 * for what is no JSON object or array, is very long or very deep.
 */
export function prettyJson(text) {
  if (text.length > LONGEST || !/^\s*[{[]/.test(text)) return null;
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  let made = '';
  let depth = 0;
  let before = '';
  const line = () => `\n${'  '.repeat(depth)}`;
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '}' || token === ']') {
      depth -= 1;
      made += before === '{' || before === '[' ? token : line() + token;
    } else {
      if (before === '{' || before === '[' || before === ',') made += line();
      made += token === ':' ? ': ' : token;
      if (token === '{' || token === '[') depth += 1;
    }
    if (depth > DEEPEST) return null;
    before = token;
  }
  return made;
}
