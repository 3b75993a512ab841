// The page: list, conversation, and beside it what is opened.

import { conversations, loadConversations, nameOf } from '../conversations.js';
import { sendWhatWaits } from '../outbox.js';
import { actOnProse } from '../prose_actions.js';
import { go, route } from '../router.js';
import { complain, dialog, drawerOpen, logOpen, online, printing, reachable, session, sidebarHidden } from '../state.js';
import { currentThread } from '../threads.js';
import { t, withWords } from '../words.js';
import { composing, html, IconButton, useEffect, useState } from './html.js';
import { Dialogs } from './dialogs.js';
import { PARTS } from './parts.js';
import { Sidebar } from './sidebar.js';
import { SignIn } from './signin.js';
import { Announcer, Connection, Toasts } from './status.js';
import { NotFound, ThreadView } from './thread_view.js';

const NAMES = { pulse: () => t('pulse.name'), settings: () => t('settings.title'), missing: () => 'Not found' };

export function Shell() {
  const { page, conversationId, at, section } = route.value;
  const who = session.value?.userId;
  const here = conversations.value.find((each) => each.id === conversationId);
  const name = NAMES[page]?.() ?? (conversationId ? nameOf(here) : 'New chat');
  useEffect(() => {
    document.title = conversationId || NAMES[page] ? `${name} – Verbatim` : 'Verbatim';
  }, [name]);
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
  const classes = `shell ${drawerOpen.value ? 'drawer-open' : ''} ${sidebarHidden.value ? 'sidebar-hidden' : ''}`;
  return html`
    ${(who || seen) && html`<div class=${classes}>
      <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.getElementById('main').focus(); }}>To the conversation</a>
      <${Sidebar} />
      <div class="scrim" onClick=${() => (drawerOpen.value = false)} />
      <main class="main" id="main" tabindex="-1">
        <header class="bar">
          <${IconButton} icon="menu" label="Show the list" aria-controls="sidebar" class="icon-button show-list" onClick=${() => { drawerOpen.value = true; sidebarHidden.value = false; }} />
          <h1 class="bar-title"><bdi>${name}</bdi></h1>
          ${PARTS.log && conversationId && !here?.local && html`<${IconButton} icon="log" label=${t('log.name')} aria-pressed=${logOpen.value} data-testid="toggle-log" onClick=${() => (logOpen.value = !logOpen.value)} />`}
        </header>
        <${Connection} /><${Toasts} />
        ${page === 'pulse' ? html`<${Lazy} from="../pulse/page.js" part="PulsePage" />` : page === 'settings' ? html`<${Lazy} from="../settings/page.js" part="SettingsPage" section=${section} />` : page === 'missing' ? html`<${NotFound} />` : html`<${ThreadView} conversationId=${conversationId} at=${at} />`}
      </main>
      ${PARTS.log && logOpen.value && conversationId && html`<aside class="side" aria-label=${t('log.name')}><${Lazy} key=${conversationId} from="../log/panel.js" part="LogPanel" conversationId=${conversationId} /></aside>`}
    </div>`}
    ${!known && html`<div class="loading" role="status"><span class="mark" aria-hidden="true">”</span>${!reachable.value && html`<p>The server cannot be reached. Trying again…</p>`}</div>`}
    <${SignIn} over=${seen} /><${Dialogs} /><${Announcer} />`;
}

/** A part that is loaded when it is first shown. */
function Lazy({ from, part, ...rest }) {
  const [Part, setPart] = useState(null);
  useEffect(() => {
    withWords(import(from)).then((module) => setPart(() => module[part]), () => {
      logOpen.value = false;
      complain(t('page.part-missing'));
    });
  }, [from]);
  return Part ? html`<${Part} ...${rest} />` : html`<div class="skeleton" role="status" aria-label="Loading"><i /><i /></div>`;
}

/** What works wherever one is on the page. */
export function listenEverywhere() {
  addEventListener('keydown', onKeyDown);
  document.addEventListener('click', actOnProse);
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
      drawerOpen.value = matchMedia('(max-width: 760px)').matches;
      sidebarHidden.value = false;
      requestAnimationFrame(() => document.querySelector('[data-testid=conversation-search]')?.focus());
    });
  } else if (command && event.shiftKey && is('o')) act(() => go('/'));
  else if (command && event.shiftKey && is('s')) act(() => (sidebarHidden.value = !sidebarHidden.value));
  else if (command && !event.shiftKey && is('p') && currentThread()) act(() => import('../printing.js').then(({ printConversation }) => printConversation(currentThread()), () => print()));
  else if (command && is('.')) act(() => currentThread()?.live?.stop());
  else if (is('escape') && drawerOpen.value) act(() => (drawerOpen.value = false));
  else if (!writing && !command && is('/')) act(() => document.querySelector('[data-testid=composer]')?.focus());
  else if (!writing && !command && is('?')) act(() => (dialog.value = { kind: 'keys' }));
}
