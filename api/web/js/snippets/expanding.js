// What a snippet becomes: `/other` in its text, as it would be typed, is another snippet; `{{name}}` is a variable. Pure.

export const MAX_NAME = 40;
export const MAX_TEXT = 20_000;
export const MAX_EXPANDED = 100_000;
const VARIABLE = /\{\{\s*([\p{L}\p{N}_-]{1,40})\s*\}\}/gu;
const NAMED = /(?<!\S)\/([\p{L}\p{N}_-]{1,40})(?![\p{L}\p{N}_/-])/gu;
const WRITTEN = /(?<!\S)\/([\p{L}\p{N}_-]{0,40})$/u;

/** Names are the same in small and large letters. */
const folded = (name) => name.toLowerCase();

/** The `/name` that ends here: {from, to, name}, or null. */
export function wordAt(text, at) {
  const found = WRITTEN.exec(text.slice(Math.max(0, at - MAX_NAME - 2), at));
  return found ? { from: at - found[1].length - 1, to: at, name: found[1] } : null;
}

/** Those whose name begins with what is written, then those that have it elsewhere in the name, then in the text. */
export function matching(snippets, written) {
  const sought = folded(written);
  const rank = ({ name, text }) => {
    const at = folded(name).indexOf(sought);
    return at === 0 ? 0 : at > 0 ? 1 : sought.length > 1 && folded(text).includes(sought) ? 2 : 3;
  };
  return snippets.map((each) => [rank(each), each]).filter(([at]) => at < 3)
    .sort(([one, { name }], [other, { name: next }]) => one - other || (name < next ? -1 : 1)).map(([, each]) => each);
}

/** A snippet's text with the others in it put in: {text, variables}. Raises RangeError, 'itself' or 'long', for one that names itself or becomes too long. */
export function expanded(snippet, snippets) {
  const known = new Map(snippets.map((each) => [folded(each.name), each]));
  const put = (each, above) => {
    const text = each.text.replace(NAMED, (whole, name) => {
      const other = known.get(folded(name));
      if (!other) return whole;
      if (above.includes(other)) throw new RangeError('itself');
      return put(other, [...above, other]);
    });
    if (text.length > MAX_EXPANDED) throw new RangeError('long');
    return text;
  };
  const text = put(snippet, [snippet]);
  return { text, variables: [...new Set([...text.matchAll(VARIABLE)].map(([, name]) => name))] };
}

/** The text with its variables filled in. What they are filled with is taken as it is. */
export const filled = (text, values) => text.replace(VARIABLE, (whole, name) => values[name] ?? whole);
