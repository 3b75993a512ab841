// The list by model and date, and what is archived.

import { conversationOf, leaving } from '../conversations.js';
import { learnPage } from '../listing.js';
import { models } from '../state.js';
import { oneLine } from '../text.js';
import { t } from '../words.js';
import { html, useEffect, useRef, useState } from './html.js';
import { filter } from './places.js';

const PAGE = 40;

export function FilterPanel() {
  const set = (name) => (event) => (filter.value = { ...filter.value, [name]: event.target.type === 'checkbox' ? event.target.checked : event.target.value });
  const { model = '', from = '', to = '', archived = false } = filter.value;
  return html`<form class="filter" aria-label=${t('filter.name')} data-testid="filter" onSubmit=${(event) => event.preventDefault()}>
    <label>${t('filter.model')}<select value=${model} data-testid="filter-model" onChange=${set('model')}><option value="">${t('filter.any')}</option>
      ${models.value.map(({ id }) => html`<option key=${id} value=${id}>${oneLine(id)}</option>`)}</select></label>
    <label>${t('filter.from')}<input type="date" value=${from} max=${to || undefined} data-testid="filter-from" onChange=${set('from')} /></label>
    <label>${t('filter.to')}<input type="date" value=${to} min=${from || undefined} data-testid="filter-to" onChange=${set('to')} /></label>
    <label class="filter-check"><input type="checkbox" checked=${archived} data-testid="filter-archived" onChange=${set('archived')} />${t('filter.archived')}</label>
    <button type="button" class="link" data-testid="filter-end" onClick=${() => (filter.value = null)}>${t('filter.end')}</button>
  </form>`;
}

/** A day's first moment, or its last one, as the user's clock says it. */
const momentOf = (day, last) => new Date(`${day}T${last ? '23:59:59.999' : '00:00:00'}`).toISOString();

export function Filtered({ rowOf }) {
  const { model, from, to, archived } = filter.value;
  const [shown, setShown] = useState({ ids: [], cursor: null, loading: true, problem: '' });
  const newest = useRef(0);
  const load = async (cursor) => {
    const mine = (newest.current += 1);
    setShown((now) => ({ ...now, loading: true, problem: '' }));
    const asked = { limit: PAGE, ...(archived && { archived }), ...(model && { model }), ...(from && { from: momentOf(from) }), ...(to && { to: momentOf(to, true) }), ...(cursor && { cursor }) };
    try {
      const page = await learnPage(String(new URLSearchParams(asked)));
      if (mine !== newest.current) return;
      setShown((now) => ({ ids: [...(cursor ? now.ids : []), ...page.data.map(({ id }) => id)], cursor: page.nextCursor, loading: false, problem: '' }));
    } catch (error) {
      if (mine === newest.current) setShown((now) => ({ ...now, loading: false, problem: error.message }));
    }
  };
  useEffect(() => void load(null), [model, from, to, archived]);
  const rows = shown.ids.map(conversationOf).filter((each) => each && Boolean(each.archived) === Boolean(archived) && !leaving.value.has(each.id));
  return html`<ul data-testid="filtered">${rows.map(rowOf)}</ul>
    ${shown.problem && html`<p class="list-note" role="alert">${shown.problem}</p>`}
    <p class="list-note" role="status">${shown.loading ? t('list.loading') : rows.length === 0 ? t('search.nothing') : ''}</p>
    ${shown.cursor && !shown.loading && html`<button type="button" class="quiet wide" onClick=${() => load(shown.cursor)}>${t('list.more')}</button>`}`;
}
