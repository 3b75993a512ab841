// Search in all conversations.

import { signal } from '../vendor/signals.mjs';
import { get } from './api.js';

const PATIENCE_MS = 200;
const MAX_EMPTY_PAGES = 5;

/** null: no search; else {q, results, cursor, searchedTo, loading, error}. */
export const search = signal(null);

let control = null;
let timer = 0;
export function searchFor(q) {
  clearTimeout(timer);
  control?.abort();
  if (!q.trim()) return (search.value = null);
  search.value = { q, results: search.value?.results ?? [], cursor: null, searchedTo: null, loading: true, error: null };
  timer = setTimeout(() => searchOn(), PATIENCE_MS);
}

/** The next page of the search; empty pages are passed over, a few at a time. */
export async function searchOn() {
  const mine = (control = new AbortController());
  const { q } = search.value;
  let { cursor } = search.value;
  let results = cursor ? search.value.results : [];
  search.value = { ...search.value, loading: true, error: null };
  try {
    for (let pages = 0; pages < MAX_EMPTY_PAGES; pages += 1) {
      const more = cursor ? `&cursor=${encodeURIComponent(cursor)}` : '';
      const page = await get(`/api/v1/search?q=${encodeURIComponent(q.trim())}&limit=20${more}`, { signal: mine.signal });
      results = [...results, ...page.data];
      cursor = page.nextCursor;
      search.value = { q, results, cursor, searchedTo: page.searchedTo, loading: Boolean(cursor) && page.data.length === 0, error: null };
      if (!cursor || page.data.length > 0) break;
    }
    search.value = { ...search.value, loading: false };
  } catch (error) {
    if (mine.signal.aborted) return;
    search.value = { q, results, cursor: null, searchedTo: null, loading: false, error };
  }
}
