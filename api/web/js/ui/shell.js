// The page: list, conversation, and beside it what is opened.

import { conversationOf, gone, learn, leaving, nameOf } from '../conversations.js';
import { loadConversations } from '../listing.js';
import { sendWhatWaits } from '../outbox.js';
import { go, route } from '../router.js';
import { dialog, drawerOpen, logOpen, online, printing, reachable, session, sidebarHidden } from '../state.js';
import { currentThread } from '../threads.js';
import { t, withWords } from '../words.js';
import { focusOn, hideList, showList, useDrawer } from './drawer.js';
import { composing, html, IconButton, useEffect, useState } from './html.js';
import { later, partMissing, whenNeeded } from './later.js';
import { finding, renaming, selection } from './places.js';
import { PARTS } from './parts.js';
import { Sidebar } from './sidebar.js';
import { SignIn } from './signin.js';
import { Announcer, Connection, Toasts } from './status.js';
import { ThreadView } from './thread_view.js';

const Dialogs = later(() => import('./dialogs.js'), 'Dialogs');
const FindBar = later(() => import('./find.js'), 'FindBar');
const TitleEdit = later(() => import('./title_edit.js'), 'TitleEdit');
const TitleMenu = later(() => import('./choices.js'), 'TitleMenu');
const proseActions = whenNeeded(() => import('../prose_actions.js'));
const Missing = later(() => import('./missing.js'), 'Missing');

export function Shell() {
  const { page, conversationId, at, section } = route.value;
  const who = session.value?.userId;
  const missing = page === 'missing' ? 'address' : (leaving.value.has(conversationId) ? 'leaving' : gone.value.get(conversationId));
  const name = nameOfPage(page, conversationId, missing);
  useEffect(() => {
    document.title = name && (conversationId || page !== 'chat') ? `${name} – Verbatim` : 'Verbatim';
  }, [name, conversationId, page]);
  useEffect(() => {
    renaming.value = false;
    finding.value = false;
  }, [conversationId]);
  useEffect(() => {
    if (who && conversationId && !conversationOf(conversationId)) learn(conversationId);
  }, [who, conversationId]);
  useEffect(() => {
    if (!who) return;
    loadConversations();
    if (route.value.page === 'signin') go('/', { replace: true });
    const thread = currentThread();
    if (thread?.state.value === 'failed') thread.load(route.value.at);
    sendWhatWaits();
  }, [who]);
  const known = session.value !== undefined;
  // Who was signed in stays on the page below the card; who never was sees the card alone.
  const [seen, setSeen] = useState(false);
  if (who && !seen) setSeen(true);
  const drawer = useDrawer();
  const classes = `shell ${drawerOpen.value ? 'drawer-open' : ''} ${sidebarHidden.value ? 'sidebar-hidden' : ''}`;
  // One that the server has, so that something can be done with it.
  const here = !missing && conversationOf(conversationId);
  const made = here && !here.local ? here : null;
  const log = PARTS.log && conversationId && !missing && !conversationOf(conversationId)?.local;
  return html`
    ${(who || seen) && html`<div class=${classes}>
      <a class="skip" href="#main" inert=${drawer} onClick=${skip}>${t('skip')}</a>
      <${Sidebar} />
      <div class="scrim" onClick=${() => (drawerOpen.value = false)} />
      <main class="main" id="main" tabindex="-1" inert=${drawer}>
        <header class="bar">
          <${IconButton} icon="menu" label=${t('list.show')} aria-controls="sidebar" class="icon-button show-list" onClick=${showList} />
          <h1 class="bar-title">${made && renaming.value ? html`<${TitleEdit} key=${conversationId} conversation=${made} />`
            : made ? html`<button type="button" class="bar-name" title=${t('row.rename')} onClick=${() => (renaming.value = true)}><bdi>${name}</bdi></button>` : html`<bdi>${name}</bdi>`}</h1>
          ${made && html`<${TitleMenu} conversation=${made} />`}
          <span class="bar-gap" />
          ${log && html`<${IconButton} icon="log" label=${t('log.name')} aria-pressed=${logOpen.value} data-testid="toggle-log" onClick=${() => (logOpen.value = !logOpen.value)} />`}
        </header>
        ${made && finding.value && html`<${FindBar} key=${conversationId} />`}
        <${Connection} /><${Toasts} />
        ${page === 'pulse' ? html`<${Lazy} key="pulse" from="../pulse/page.js" part="PulsePage" />`
          : page === 'settings' ? html`<${Lazy} key="settings" from="../settings/page.js" part="SettingsPage" section=${section} />`
          : page === 'admin' ? html`<${Lazy} key="admin" from="../admin/page.js" part="AdminPage" section=${section} />`
          : missing ? html`<${Missing} why=${missing} id=${conversationId} />`
            : html`<${ThreadView} conversationId=${conversationId} at=${at} />`}
      </main>
      ${log && logOpen.value && html`<aside class="side" aria-label=${t('log.name')} inert=${drawer}><${Lazy} key=${conversationId} from="../log/panel.js" part="LogPanel" conversationId=${conversationId} /></aside>`}
    </div>`}
    ${!known && html`<div class="loading" role="status"><span class="mark" aria-hidden="true">”</span>${!reachable.value && html`<p>${t('connection.unreachable')}</p>`}</div>`}
    <${SignIn} over=${seen} />${dialog.value && html`<${Dialogs} />`}<${Announcer} />`;
}

/** What is shown, in a few words; '' while that is not known. */
function nameOfPage(page, conversationId, missing) {
  if (missing) return t('missing.title');
  if (page === 'pulse') return t('pulse.name');
  if (page === 'settings') return t('settings.title');
  if (page === 'admin') return t('admin.title');
  return conversationId ? nameOf(conversationOf(conversationId)) : t('new-chat');
}

/** To the conversation, without an entry in the history. */
function skip(event) {
  event.preventDefault();
  focusOn('#main');
}

/** A part that is loaded when it is first shown. */
function Lazy({ from, part, ...rest }) {
  const [Part, setPart] = useState(null);
  useEffect(() => {
    withWords(import(from)).then((module) => setPart(() => module[part]), () => {
      logOpen.value = false;
      partMissing();
    });
  }, [from]);
  return Part ? html`<${Part} ...${rest} />` : html`<div class="skeleton" role="status" aria-label=${t('list.loading')}><i /><i /></div>`;
}

/** What works wherever one is on the page. */
export function listenEverywhere() {
  addEventListener('keydown', onKeyDown);
  document.addEventListener('click', (event) => event.target.closest?.('.code-copy, .code-wrap, .code-source, .note-button') && proseActions().then(({ actOnProse }) => actOnProse(event), partMissing));
  addEventListener('beforeprint', () => (printing.value = true));
  addEventListener('afterprint', () => (printing.value = false));
  let waitMs = 1000;
  const probe = async () => {
    if (reachable.value) return;
    const found = await fetch('/api/v1/session', { cache: 'no-store' }).catch(() => null);
    waitMs = found ? 1000 : Math.min(8000, waitMs * 2);
    if (found) {
      reachable.value = true;
      loadConversations();
      currentThread()?.sync();
    } else {
      setTimeout(probe, waitMs);
    }
  };
  reachable.subscribe((is) => is || setTimeout(probe, waitMs));
  online.subscribe((is) => is && probe());
}

function onKeyDown(event) {
  if (composing(event) || !session.value || document.querySelector('dialog[open]')) return;
  const command = event.metaKey || event.ctrlKey;
  const writing = event.target.matches?.('input, textarea, [contenteditable]');
  const is = (key) => event.key.toLowerCase() === key;
  const act = (action) => {
    event.preventDefault();
    action();
  };
  if (command && !event.shiftKey && is('k')) {
    act(() => {
      showList();
      focusOn('.search input');
    });
  } else if (command && event.shiftKey && is('o')) act(() => {
    drawerOpen.value = false;
    go('/');
    focusOn('[data-testid=composer]');
  });
  else if (command && event.shiftKey && is('s')) act(() => (sidebarHidden.value ? showList() : hideList()));
  else if (command && is('z') && !writing && leaving.value.size > 0) act(() => import('../leaving.js').then(({ undoLast }) => undoLast()));
  else if (command && !event.shiftKey && is('p') && currentThread()) act(() => import('../printing.js').then(({ printConversation }) => printConversation(currentThread()), () => print()));
  else if (command && is('.')) act(() => currentThread()?.live?.stop());
  else if (command && !event.shiftKey && is('f') && currentThread() && !event.target.closest('.find')) act(() => (finding.value = true));
  else if (is('escape') && selection.value) act(() => (selection.value = null));
  else if (is('escape') && drawerOpen.value) act(() => (drawerOpen.value = false));
  else if (!writing && !command && is('/')) act(() => document.querySelector('[data-testid=composer]')?.focus());
  else if (!writing && !command && is('?')) act(() => (dialog.value = { kind: 'keys' }));
}
