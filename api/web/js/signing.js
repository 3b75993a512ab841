// Signing in and out; the one-time link in the address.

import { del, get, post } from './api.js';
import { forgetWhatWasWritten } from './kept.js';
import { models, session, signInReason } from './state.js';

const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('verbatim-session') : null;
if (tabs) tabs.onmessage = ({ data }) => (data === 'in' ? whoAmI() : location.assign('/signin'));
const AGAIN_MS = 1500;
let shownTo = null;

/** What one user saw is never left to another. */
function show(found) {
  if (shownTo && shownTo !== found.userId) {
    forgetWhatWasWritten();
    location.assign('/');
  }
  shownTo = found.userId;
  session.value = found;
}

/** Who this browser is, after a link in the address has been used. Never raises. */
export async function whoAmI() {
  const link = /^#link=(.+)$/.exec(location.hash)?.[1];
  if (link) history.replaceState(null, '', location.pathname + location.search);
  try {
    show(link
      ? await post('/api/v1/session', { link: decodeURIComponent(link) }, { quiet401: true })
      : await get('/api/v1/session', { quiet401: true }));
    if (link) tabs?.postMessage('in');
    loadModels();
  } catch (error) {
    if (!link && error.status !== 401) {
      setTimeout(whoAmI, AGAIN_MS); // nobody is signed out because the server is away
      return;
    }
    if (link) {
      const before = await get('/api/v1/session', { quiet401: true }).catch(() => null);
      if (before) {
        show(before);
        loadModels();
        return;
      }
      signInReason.value = error.message;
    }
    session.value = null;
  }
}

export async function signIn(key) {
  show(await post('/api/v1/session', { key }, { quiet401: true }));
  signInReason.value = '';
  tabs?.postMessage('in');
  loadModels();
}

export async function signOut() {
  await del('/api/v1/session');
  forgetWhatWasWritten();
  tabs?.postMessage('out');
  location.assign('/signin');
}

async function loadModels() {
  try {
    models.value = (await get('/api/v1/models')).data;
  } catch {
    models.value = []; // the server's default is used
  }
}
