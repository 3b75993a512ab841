// Signing in and out; the one-time link in the address.

import { del, get, post } from './api.js';
import { leaving } from './conversations.js';
import { forgetWhatWasWritten, keepFor, keepWho, whoWas } from './kept.js';
import { models, offeredStarts, session, signInReason } from './state.js';

const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('verbatim-session') : null;
if (tabs) tabs.onmessage = ({ data }) => (data === 'in' ? whoAmI() : leave());
// A link that is opened where the page is open already changes only what stands behind the #: the page begins anew with it.
addEventListener('hashchange', () => /^#(?:link|invitation|reset|failed)=/.test(location.hash) && location.reload());
const AGAIN_MS = 1500;
let shownTo = null;
/** The one-time link, until the server has taken or refused it. */
let link = null;

/** What one user saw is never left to another. */
function show(found) {
  keepFor(found.userId);
  if (shownTo && shownTo !== found.userId) {
    forgetWhatWasWritten();
    location.assign('/');
    return;
  }
  shownTo = found.userId;
  session.value = found;
  keepWho({ userId: found.userId, userName: found.userName });
}

/** Who this browser is, after a link in the address has been used. Never raises. */
export async function whoAmI() {
  const given = /^#link=(.+)$/.exec(location.hash)?.[1];
  if (given) {
    link = given;
    history.replaceState(null, '', location.pathname + location.search);
  }
  const tried = link;
  try {
    show(tried
      ? await post('/api/v1/session', { link: decodeURIComponent(tried) }, { quiet401: true })
      : await get('/api/v1/session', { quiet401: true }));
    link = null;
    if (tried) tabs?.postMessage('in');
    loadModels();
  } catch (error) {
    // Nobody is signed out, and no link is lost, because the server is away.
    const again = tried ? error.retryable : error.status !== 401;
    if (again) setTimeout(whoAmI, AGAIN_MS);
    else link = null;
    // Without the server it is who it was: what this browser keeps is theirs to see, and to add to.
    if (again && !tried && session.value === undefined && whoWas()) session.value = whoWas();
    if (again && (!tried || error.status === 0)) return;
    if (tried) {
      const before = session.value ?? (await get('/api/v1/session', { quiet401: true }).catch(() => null));
      if (before) {
        if (!session.value) {
          show(before);
          loadModels();
        }
        return;
      }
      signInReason.value = error.message;
    }
    session.value = null;
  }
}

/** By a key, or by what another way in asks for. */
export async function signIn(body, path = '/api/v1/session') {
  show(await post(path, body, { quiet401: true }));
  link = null;
  signInReason.value = '';
  tabs?.postMessage('in');
  loadModels();
}

/** What must be done before: what waits to be sent is sent, as far as that can be. */
async function beforeSigningOut() {
  if (leaving.value.size > 0) await import('./leaving.js').then(({ finishAll }) => finishAll()).catch(() => {});
}

/** `everywhere`: each browser of this user, and this one. */
export async function signOut({ everywhere = false } = {}) {
  await beforeSigningOut();
  await del(`/api/v1/session${everywhere ? '?everywhere=true' : ''}`);
  tabs?.postMessage('out');
  leave();
}

function leave() {
  forgetWhatWasWritten();
  location.assign('/signin');
}

async function loadModels() {
  try {
    const found = await get('/api/v1/models');
    models.value = found.data;
    offeredStarts.value = found.starts ?? [];
  } catch {
    models.value = []; // the server's default is used
  }
}
