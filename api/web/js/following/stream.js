// The stream of changes: one for all tabs of this browser, shared over a channel. It goes on where the last one ended,
// also after the browser was closed.

import { tellChange } from '../changes.js';
import { read, write } from '../kept.js';
import { notePosition } from '../positions.js';
import { openStream } from '../sse.js';
import { session } from '../state.js';
import { lead } from './leading.js';

const AGAIN_MS = 60_000;
const RECENT_MS = 10_000;
const MAX_RECENT = 100;

const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('verbatim-changes') : null;
let lastId = read(localStorage, 'changes');
/** What the leading tab told a moment ago: a new tab may have read its list before it, and opened its ears after. */
let recent = [];

export function followStream() {
  if (tabs) tabs.onmessage = ({ data }) => (data.hello ? recent.forEach((each) => tabs.postMessage({ ...each, to: data.hello })) : data.to === undefined || data.to === me ? hear(data) : null);
  tabs?.postMessage({ hello: me });
  if (tabs) lead('changes', begin);
  else begin();
}
const me = Math.random();

function begin() {
  let stream = null;
  let timer = 0;
  const open = () => {
    stream = openStream({
      url: '/api/v1/changes', lastId, quiet: true,
      onEvent: (frame) => {
        share(frame);
        hear(frame);
        if (frame.id) write(localStorage, 'changes', frame.id);
      },
      onState: (state, error) => {
        if (state !== 'failed') return;
        if (error.code === 'invalid_position') lastId = null;
        timer = setTimeout(open, AGAIN_MS);
      },
    });
  };
  const stop = session.subscribe((who) => {
    if (who && !stream) open();
  });
  return () => {
    stop();
    clearTimeout(timer);
    stream?.close();
  };
}

function share(frame) {
  const now = Date.now();
  recent = [...recent.filter((each) => now - each.at < RECENT_MS), { ...frame, at: now }].slice(-MAX_RECENT);
  tabs?.postMessage(frame);
}

function hear({ event, data, id }) {
  lastId = id ?? lastId;
  if (data.position) notePosition(data.position);
  if (event === 'changed') tellChange(data);
  else if (event === 'reset' || (event === 'ready' && !data.resumed)) tellChange({ kind: 'reset' });
}
