// Flowcharts, read strictly, and written again as the library reads them without fail: it passes over what it does not
// understand, takes `A-->B` for a node `A--`, and a node for one outside of its group if it was named there before. Pure.

const HEADER = /^(?:graph|flowchart)[ \t]+(TD|TB|LR|BT|RL)$/i;
const LOOKS = /^(?:style|classDef|class|linkStyle|click)[ \t]/;
const GROUP = /^subgraph[ \t]+(?:([\p{L}\p{N}_-]+)[ \t]*\[(.+)\]|(.+))$/u;
const ID = /[\p{L}\p{N}_]+(?:[-.][\p{L}\p{N}_]+)*/uy;
const CLASS = /:::[\w-]+/y;
const SPACE = /[ \t]*/y;
const LINK = /(<)?(?:(--+|==+)(>)?(?![-=>ox])|(-\.+-)(>)?)(?:[ \t]*\|([^|]*)\|)?/y;
const NAMED_LINK = /(<)?(?:--[ \t]+([^-=|[\](){}]+?)[ \t]+-?--(>|-)|==[ \t]+([^-=|[\](){}]+?)[ \t]+=?==(>|=)|-\.[ \t]+([^-=|[\](){}]+?)[ \t]+\.-(>)?)/y;
/** Opening, the closings there may be, and the shape that is drawn. */
const SHAPES = [
  ['(((', [')))'], '((', '))'], ['((', ['))'], '((', '))'], ['([', ['])'], '([', '])'], ['[[', [']]'], '[[', ']]'], ['[(', [')]'], '[(', ')]'], ['{{', ['}}'], '{{', '}}'],
  ['[/', ['/]', '\\]'], '[', ']'], ['[\\', ['\\]', '/]'], '[', ']'], ['[', [']'], '[', ']'], ['(', [')'], '(', ')'], ['{', ['}'], '{', '}'], ['>', [']'], '>', ']'],
];

/** What nodes and groups are called in what is written. */
export const NAMES = /^[ng]\d+$/;
export const isFlowchart = (lines) => HEADER.test(lines[0]);

/** The lines of the same flowchart, written plainly; null: something in it is not understood, or cannot be drawn. */
export function plainFlowchart(lines) {
  const [, direction] = HEADER.exec(lines[0]);
  const nodes = new Map();
  const links = [];
  const top = { lines: [], groups: [], parent: null };
  const groups = new Set();
  let count = 0;
  let group = top;
  for (const line of lines.slice(1)) {
    if (LOOKS.test(line)) continue;
    if (line === 'end') {
      if (group === top) return null;
      group = group.parent;
    } else if (/^direction[ \t]+(?:TD|TB|LR|BT|RL)$/i.test(line)) {
      group.lines.push(line);
    } else if (line.startsWith('subgraph')) {
      const [, id, named, bare] = GROUP.exec(line) ?? [];
      const label = unquoted(named ?? bare ?? '');
      if (!label) return null;
      const made = { name: `g${(count += 1)}`, label, lines: [], groups: [], parent: group };
      group.groups.push(made);
      groups.add(id ?? label);
      group = made;
    } else if (!readStatements(line, group, nodes, links)) {
      return null;
    }
  }
  if (group !== top || nodes.size === 0 || [...groups].some((id) => nodes.has(id))) return null;
  return [`flowchart ${direction.toUpperCase()}`, ...groupLines(top, nodes), ...links];
}

function groupLines(group, nodes) {
  const own = [...nodes].filter(([, node]) => node.group === group).map(([, { name, open, label, close }]) => `${name}${open}"${label}"${close}`);
  return [...group.lines, ...group.groups.flatMap((each) => [`subgraph ${each.name} [${each.label}]`, ...groupLines(each, nodes), 'end']), ...own];
}

/** `A[a] & B -->|text| C; D` of one line. False: it is not understood. */
function readStatements(line, group, nodes, links) {
  let at = 0;
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(line);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const node = () => {
    const id = take(ID)?.[0];
    if (!id || id === 'end') return null;
    const shape = SHAPES.find(([open]) => line.startsWith(open, at));
    const known = nodes.get(id) ?? { name: `n${nodes.size + 1}`, open: '[', label: id, close: ']', group };
    if (group.parent) known.group = group;
    if (shape) {
      const [open, closings, drawnOpen, drawnClose] = shape;
      const from = at + open.length;
      const quoted = line[from] === '"' ? line.indexOf('"', from + 1) + 1 : from;
      const ends = closings.map((closing) => [line.indexOf(closing, quoted), closing]).filter(([place]) => place >= 0).sort(([one], [other]) => one - other);
      if (ends.length === 0 || (line[from] === '"' && quoted === 0)) return null;
      const label = unquoted(line.slice(from, ends[0][0]));
      if (!label) return null;
      Object.assign(known, { open: drawnOpen, close: drawnClose, label });
      at = ends[0][0] + ends[0][1].length;
    }
    take(CLASS);
    nodes.set(id, known);
    return id;
  };
  const list = () => {
    const found = [];
    do {
      take(SPACE);
      const id = node();
      if (!id) return null;
      found.push(id);
      take(SPACE);
    } while (take(/&/y));
    return found;
  };
  for (;;) {
    let from = list();
    if (!from) return false;
    while (at < line.length && line[at] !== ';') {
      const link = written(take(NAMED_LINK), take(LINK));
      const to = link === null ? null : list();
      if (!to) return false;
      for (const one of from) for (const other of to) links.push(`${nodes.get(one).name} ${link} ${nodes.get(other).name}`);
      from = to;
    }
    if (at >= line.length) return true;
    at += 1;
    take(SPACE);
    if (at >= line.length) return true;
  }
}

function written(named, plain) {
  if (named) {
    const [, both, solid, solidEnd, thick, thickEnd, dotted, dottedEnd] = named;
    const text = unquoted(solid ?? thick ?? dotted);
    return text && link(both, solid ? '--' : thick ? '==' : '-.-', (solidEnd ?? thickEnd ?? dottedEnd) === '>', text);
  }
  if (!plain) return null;
  const [, both, line, end, dotted, dottedEnd, text] = plain;
  const label = text === undefined ? '' : unquoted(text);
  return label === null || (line?.length === 2 && !end) ? null : link(both, dotted ? '-.-' : line.slice(0, 2), Boolean(end ?? dottedEnd), label);
}

function link(both, kind, arrow, text) {
  const mark = arrow ? `${kind}>` : kind === '-.-' ? kind : kind + kind[0];
  return `${both ? '<' : ''}${mark}${text ? `|${text}|` : ''}`;
}

/** A label without its quotes; null where it is empty, or more than plain text. */
function unquoted(text) {
  const plain = text.trim().replace(/^"([^"]*)"$/, '$1').trim();
  return !plain || /["`|]|#\w+;|@\{/.test(plain) ? null : plain;
}
