// One tab of this browser does for all what is to be done once. When it is closed, another one takes over.

import { newKey } from '../api.js';
import { read, write } from '../kept.js';

const CLAIM_MS = 6000;
const LOOK_MS = 2000;

/** `begin()`: from here on this tab leads; returns what ends that, which only happens without Web Locks. */
export function lead(name, begin) {
  // The lock is held until the tab is closed.
  if (navigator.locks) navigator.locks.request(`verbatim-${name}`, () => new Promise(() => void begin()));
  else claim(name, begin);
}

/** Over http on a network there are no locks: whoever finds no fresh claim leads. For a moment there may be two. */
function claim(name, begin) {
  const me = newKey();
  let end = null;
  const look = () => {
    const [by, until] = (read(localStorage, `leads.${name}`) ?? '').split(' ');
    const mine = by === me || !(Number(until) > Date.now());
    if (mine) write(localStorage, `leads.${name}`, `${me} ${Date.now() + CLAIM_MS}`);
    if (mine && !end) end = begin();
    else if (!mine && end) end = end();
  };
  look();
  setInterval(look, LOOK_MS);
  addEventListener('pagehide', () => end && write(localStorage, `leads.${name}`, ''));
}
