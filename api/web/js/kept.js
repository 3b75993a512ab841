// What a browser keeps: drafts by conversation, a copy of the settings. A full or forbidden store costs only the
// keeping.

export function read(store, name) {
  try {
    return store.getItem(`verbatim.${name}`);
  } catch {
    return null;
  }
}
export function write(store, name, value) {
  try {
    if (value && !(left && PERSONAL.test(name))) store.setItem(`verbatim.${name}`, value);
    else store.removeItem(`verbatim.${name}`);
  } catch (error) {
    console.warn('Not kept:', error.message);
  }
}

/** What is of a user, and not of the browser. */
const PERSONAL = /^(?:(?:draft|pending|queue)\.|(?:settings|activity|leaving|who)$)/;
/** Whether this page's user has left it: what still comes in for them is nobody's to keep. */
let left = false;

export function names(store) {
  try {
    return Object.keys(store);
  } catch {
    return [];
  }
}

const unsaved = new Map();
let writing = null;
export const draftOf = (conversation) => unsaved.get(conversation ?? 'new') ?? read(localStorage, `draft.${conversation ?? 'new'}`) ?? '';
export function keepDraft(conversation, text) {
  unsaved.set(conversation ?? 'new', text);
  write(localStorage, `draft.${conversation ?? 'new'}`, text);
}

/** Where a draft is just being written: {conversation, read(), write(text)}; null: nowhere. */
export const noteWriting = (place) => (writing = place);
/** Changes a draft from outside, also the one in the field. */
export function changeDraft(conversation, change) {
  const here = writing?.conversation === conversation;
  const before = here ? writing.read() : draftOf(conversation);
  const after = change(before);
  if (after === before) return;
  if (here) writing.write(after);
  else keepDraft(conversation, after);
}

/** Long pastes are kept beside the draft, as far as the store takes them. */
export const pastesOf = (conversation) => JSON.parse(read(localStorage, `draft.pastes.${conversation ?? 'new'}`) ?? '[]');
export const keepPastes = (conversation, pastes) => write(localStorage, `draft.pastes.${conversation ?? 'new'}`, pastes.length > 0 && JSON.stringify(pastes));

/** What holds in the chat that is still to begin. */
export const draftSettings = () => JSON.parse(read(localStorage, 'draft.settings') ?? '{}');
export const keepDraftSettings = (settings) => write(localStorage, 'draft.settings', Object.keys(settings).length > 0 && JSON.stringify(settings));

export const keptPositions = () => JSON.parse(read(sessionStorage, 'positions') ?? '{}');
export const keepPositions = (positions) => write(sessionStorage, 'positions', JSON.stringify(positions));

export const lastModel = () => read(localStorage, 'model');
export const keepModel = (id) => write(localStorage, 'model', id);

/** Drafts, prompts on their way, settings and the name of whoever was signed in. The caller leaves the page: until it
 * has gone, nothing of the kind is written again. */
export function forgetWhatWasWritten() {
  left = true;
  for (const store of [localStorage, sessionStorage]) forget(store);
}

function forget(store) {
  unsaved.clear();
  for (const name of names(store)) if (name.startsWith('verbatim.') && PERSONAL.test(name.slice('verbatim.'.length))) store.removeItem(name);
}

/** Who was signed in when the server last said so: {userId, userName}; null after they signed out. */
export const whoWas = () => JSON.parse(read(localStorage, 'who') ?? 'null');
export const keepWho = (who) => write(localStorage, 'who', JSON.stringify(who));

/** From here on it is this user's; what is another's, or nobody's known, is forgotten. */
export function keepFor(userId) {
  for (const store of [localStorage, sessionStorage]) {
    if (read(store, 'owner') !== userId) forget(store);
    write(store, 'owner', userId);
  }
}
