// The user's snippets: read when they are first needed, and again when they have changed elsewhere.

import { signal } from '../../vendor/signals.mjs';
import { onChange } from '../changes.js';
import { del, get, newKey, patch, post } from '../api.js';

/** null: not read yet. */
export const snippets = signal(null);
export const loadError = signal(null);

const byName = (all) => all.toSorted((one, other) => (one.name < other.name ? -1 : 1));

let loading = null;
/** Never raises. */
export function loadSnippets() {
  return (loading ??= get('/api/v1/snippets').then(
    ({ data }) => {
      snippets.value = byName(data);
      loadError.value = null;
    },
    (error) => (loadError.value = error),
  ).finally(() => (loading = null)));
}

const others = (id) => (snippets.value ?? []).filter((each) => each.id !== id);

/** Makes one, or changes the one of this id. */
export async function saveSnippet(id, name, text) {
  const saved = id ? await patch(`/api/v1/snippets/${id}`, { name, text }, { key: newKey() }) : await post('/api/v1/snippets', { name, text }, { key: newKey() });
  snippets.value = byName([...others(saved.id), saved]);
}

export async function removeSnippet(id) {
  await del(`/api/v1/snippets/${id}`, { key: newKey() });
  snippets.value = others(id);
}

onChange(({ kind }) => (kind === 'snippets' || kind === 'reset') && snippets.value && loadSnippets());
