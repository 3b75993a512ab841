// Begins to follow what changes for the user, once they are signed in.

import { concernsAll, onChange } from '../changes.js';
import { styled } from '../log/stylesheet.js';
import { followLeaving } from '../leaving.js';
import { loadMarks } from '../marks.js';
import { followAnswers } from '../notices.js';
import { currentThread } from '../threads.js';
import { followActivity, noteActivity } from './activity.js';
import { noteChange } from './list.js';
import { followStream } from './stream.js';

styled('organise.css'); // of what is opened from here on
loadMarks();
onChange(noteChange);
onChange((change) => (change.kind === 'folders' || concernsAll(change)) && loadMarks());
onChange(noteActivity);
onChange((change) => {
  const thread = currentThread();
  if (thread && (concernsAll(change) || (thread.id === change.conversationId && says(change) && !saw(thread, change)))) thread.sync();
});
followActivity();
followAnswers();
followStream();
followLeaving();

/** Whether it is about what is said, not about what the conversation is called or marked with. */
function says({ what }) {
  return !['deleted', 'renamed', 'marked', 'settings'].includes(what);
}

/** A turn that this tab follows itself: it hears of its end sooner. */
function saw(thread, { generationId: id }) {
  return Boolean(id) && [...thread.messages.value, thread.beside.value].some((each) => each?.id === id && (each.live || each.status !== 'running'));
}
