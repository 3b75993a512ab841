// Begins to follow what changes for the user, once they are signed in.

import { onChange } from '../changes.js';
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
onChange(({ kind }) => (kind === 'folders' || kind === 'reset') && loadMarks());
onChange(noteActivity);
onChange(({ kind, conversationId, what }) => {
  const thread = currentThread();
  if (thread && what !== 'deleted' && (kind === 'reset' || thread.id === conversationId)) thread.sync();
});
followActivity();
followAnswers();
followStream();
followLeaving();
