// What changes while the server is asked. Its answer may be from before that, and must not undo it.

/** Questions on their way: of each, what has changed here since it was asked, by id; null: it is gone. In order. */
const asked = new Set();
const ROUNDS = 5;

/** `told`: what `ask` gave with the answer that says it; that is newer than what was asked before it, and no more. */
export function noteMeanwhile(id, changes, told) {
  for (const since of asked) {
    if (since === told) return;
    since.set(id, changes && { ...since.get(id), ...changes });
  }
}

/** Asks; what `take(answer, since)` gives. `since`: what has changed meanwhile. */
export async function ask(question, take) {
  const since = new Map();
  asked.add(since);
  try {
    return take(await question(), since);
  } finally {
    asked.delete(since);
  }
}

/** One as the server has it, with what has changed since it was asked for; null: it is gone. */
export const upToDate = (one, since) => (since.has(one.id) ? since.get(one.id) && { ...one, ...since.get(one.id) } : one);

/**
 * Something that is read as a whole. `read()` asks for it, and gives a function that takes the answer in; it does not fail.
 * `again()`: reads it; whoever wants it meanwhile waits for the same. `changed()`: it has changed here. What is read while
 * it changes is read again; after some rounds what there is is shown.
 */
export function whole(read) {
  let version = 0;
  let running = null;
  const run = async () => {
    for (let rounds = 1; ; rounds += 1) {
      const at = version;
      const take = await read();
      const newest = at === version;
      if (newest) running = null;
      if (newest || rounds % ROUNDS === 0) take();
      if (newest) return;
    }
  };
  return {
    again() {
      version += 1;
      return (running ??= run());
    },
    changed() {
      version += 1;
    },
  };
}
