// Trees of messages as the files have them: nodes with parents, in some order, perhaps with holes and circles. Pure, and
// without recursion: a conversation may be a hundred thousand messages deep.

/**
 * The messages of nodes {id, parent, message: null or {…}}, each after its parent, and the branch that ends in `current`
 * last, so that it is the newest. A node without a message is passed over: what follows it follows its parent.
 * `note(kind, count)` hears of orphans (their parent is missing: they begin a branch) and of circles (left out).
 */
export function ordered(nodes, current, note) {
  const byId = new Map();
  for (const node of nodes) if (!byId.has(node.id)) byId.set(node.id, node);
  const roots = [];
  const children = new Map();
  for (const node of byId.values()) {
    if (node.parent === null || !byId.has(node.parent)) {
      if (node.parent !== null && node.message) note('orphans', 1);
      roots.push(node);
    } else if (children.has(node.parent)) children.get(node.parent).push(node);
    else children.set(node.parent, [node]);
  }
  const shown = pathTo(byId, current);
  const found = [];
  const reached = new Set();
  // The next one is at the end.
  const waiting = lastFirst(roots, shown).map((node) => ({ node, parent: null }));
  while (waiting.length > 0) {
    const { node, parent } = waiting.pop();
    reached.add(node.id);
    if (node.message) found.push({ ...node.message, id: node.id, parent });
    const next = node.message ? node.id : parent;
    for (const child of lastFirst(children.get(node.id) ?? [], shown)) waiting.push({ node: child, parent: next });
  }
  const lost = [...byId.values()].filter((node) => node.message && !reached.has(node.id)).length;
  if (lost) note('circles', lost);
  return found;
}

function pathTo(byId, current) {
  const path = new Set();
  for (let node = byId.get(current); node && !path.has(node.id); node = byId.get(node.parent)) path.add(node.id);
  return path;
}

/** Turned round; the one on the shown path is the first, and so it is taken as the last. */
const lastFirst = (nodes, shown) => [...nodes.filter(({ id }) => shown.has(id)), ...nodes.filter(({ id }) => !shown.has(id)).reverse()];

/** The messages with answers that are nothing but reasoning joined to the answer that alone follows them. */
export function joined(messages) {
  const followers = new Map();
  for (const { parent } of messages) followers.set(parent, (followers.get(parent) ?? 0) + 1);
  const before = new Map();
  const found = [];
  for (const message of messages) {
    const held = before.get(message.parent);
    const whole = held && message.role === 'assistant' ? { ...message, parent: held.parent, parts: [...held.parts, ...message.parts] } : message;
    const isThought = whole.role === 'assistant' && whole.parts.length > 0 && whole.parts.every(({ kind }) => kind === 'reasoning');
    if (isThought && followers.get(whole.id) === 1) {
      before.set(whole.id, whole);
      if (held) before.delete(message.parent);
      continue;
    }
    if (held && whole === message) found.push(held);
    before.delete(message.parent);
    found.push(whole);
  }
  return [...found, ...before.values()];
}
