// Whether a drawing has all that its source says. The library passes over lines that it does not understand: a diagram
// that lacks some of them would be another one. Pure.

const HEADER = /^(?:graph|flowchart)[ \t]+(?:TD|TB|LR|BT|RL)$|^(?:stateDiagram(?:-v2)?|sequenceDiagram|classDiagram|erDiagram)$/i;
const LOOKS = /^(?:style|classDef|class|linkStyle|click|direction|accTitle|accDescr|autonumber|activate|deactivate|rect)\b/;
const ARROW = /(?:--|==|-\.|\.\.)[-.>)x|o*{]|->|<\|/;
const DRAWN = /class="(?:edge|message|class-relationship|er-relationship)"/g;
// Names that stand for another one, which is shown instead.
const SHORT = /^(?:participant|actor)[ \t]+([\p{L}\p{N}_-]+)[ \t]+as\b|^state[ \t]+"[^"]*"[ \t]+as[ \t]+([\p{L}\p{N}_-]+)|^([\p{L}\p{N}_-]+)[ \t]*:[ \t]/u;
const STRING = /"[^"]*"/g;
const WORD = /[\p{L}\p{N}]+/gu;
const KEYWORDS = new Set(('graph flowchart statediagram v2 sequencediagram classdiagram erdiagram td tb lr bt rl subgraph end state as participant actor ' +
  'note over left right of loop alt else opt par and critical option break class namespace fork join choice br create destroy box x o').split(' '));

/** The lines of a source, as the library is to get them: null where it is no diagram that it draws. */
export function linesOf(source) {
  const lines = source.split('\n').map((line) => line.trim().replace(/;$/, '').trimEnd()).filter((line) => line && !line.startsWith('%%'));
  return HEADER.test(lines[0] ?? '') ? lines : null;
}

/** `svg`: what the library made of the lines. `names`: which words of them are names that nobody sees. */
export function isFaithful(lines, svg, names = /^$/) {
  const isClasses = /^classDiagram/i.test(lines[0]);
  const said = lines.slice(1).filter((line) => isClasses ? !/^(?:style|classDef|click|direction)\b/.test(line) : !LOOKS.test(line));
  const arrows = said.filter((line) => ARROW.test(line.replace(STRING, ' '))).length;
  if (arrows > (svg.match(DRAWN) ?? []).length) return false;
  const shown = new Set(words(decoded(svg)));
  for (const line of isClasses ? [] : said) for (const name of (SHORT.exec(line) ?? []).slice(1)) words(name ?? '').forEach((word) => shown.add(word));
  return said.every((line) => words(line.replace(/:::[\w-]+/g, ' ')).every((word) => shown.has(word) || KEYWORDS.has(word) || names.test(word)));
}

const words = (text) => (text.match(WORD) ?? []).map((word) => word.toLowerCase());
const decoded = (svg) => svg.replace(/&(?:lt|gt|amp|quot|apos|#39);/g, ' ');
