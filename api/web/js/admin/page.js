// The administration of the installation, for its administrators: who there is, what they may use, what was used.

import { Sections } from '../settings/page.js';
import { session } from '../state.js';
import { go } from '../router.js';
import { html, Icon } from '../ui/html.js';
import { t } from '../words.js';

/** `id` is in the address, `title` names a message. */
const SECTIONS = [
  { id: 'users', title: 'admin.users', load: () => import('./users.js') },
  { id: 'invitations', title: 'admin.invitations', load: () => import('./invitations.js') },
  { id: 'organisations', title: 'admin.organisations', load: () => import('./organisations.js') },
  { id: 'keys', title: 'admin.keys', load: () => import('./keys.js') },
  { id: 'limits', title: 'limits.title', load: () => import('./limits.js') },
  { id: 'budgets', title: 'admin.budgets', load: () => import('./budgets.js') },
  { id: 'usage', title: 'settings.usage', load: () => import('./usage.js') },
];

export function AdminPage({ section }) {
  const roles = session.value?.roles;
  if (roles && !roles.includes('admin')) return html`<${NotForYou} />`;
  return html`<${Sections} area="admin" title=${t('admin.sections')} sections=${SECTIONS} section=${section} />`;
}

const NotForYou = () => html`<div class="settings" data-testid="admin-denied"><div class="nothing"><${Icon} name="sliders" />
  <h2>${t('admin.denied')}</h2>
  <p>${t('admin.denied.why')}</p>
  <button type="button" onClick=${() => go('/')}>${t('pulse.back')}</button></div></div>`;
