// Begins to follow what changes for the user, once they are signed in.

import { onChange } from '../changes.js';
import { followLeaving } from '../leaving.js';
import { currentThread } from '../threads.js';
import { followActivity, noteActivity } from './activity.js';
import { noteChange } from './list.js';
import { followStream } from './stream.js';

onChange(noteChange);
onChange(noteActivity);
onChange(({ kind, conversationId, what }) => {
  const thread = currentThread();
  if (thread && what !== 'deleted' && (kind === 'reset' || thread.id === conversationId)) thread.sync();
});
followActivity();
followStream();
followLeaving();
