// The user's snippets: read when they are first needed, and again when they have changed elsewhere.

import { signal } from '../../vendor/signals.mjs';
import { concernsAll, onChange } from '../changes.js';
import { del, get, newKey, patch, post } from '../api.js';
import { whole } from '../meanwhile.js';

/** null: not read yet. */
export const snippets = signal(null);
export const loadError = signal(null);

const byName = (all) => all.toSorted((one, other) => (one.name < other.name ? -1 : 1));

const list = whole(() => get('/api/v1/snippets').then(
  ({ data }) => () => {
    snippets.value = byName(data);
    loadError.value = null;
  },
  (error) => () => (loadError.value = error),
));
/** Never raises. */
export const loadSnippets = () => list.again();

const others = (id) => (snippets.value ?? []).filter((each) => each.id !== id);

/** Makes one, or changes the one of this id. */
export async function saveSnippet(id, name, text) {
  const saved = id ? await patch(`/api/v1/snippets/${id}`, { name, text }, { key: newKey() }) : await post('/api/v1/snippets', { name, text }, { key: newKey() });
  snippets.value = byName([...others(saved.id), saved]);
  list.changed();
}

export async function removeSnippet(id) {
  await del(`/api/v1/snippets/${id}`, { key: newKey() });
  snippets.value = others(id);
  list.changed();
}

onChange((change) => (change.kind === 'snippets' || concernsAll(change)) && snippets.value && loadSnippets());
