// Commands on their way: each is kept until the server has it, and sent under its key as often as that takes.

import { noteSettings } from './asking.js';
import { begin, forgetBegun, gone, isLocal, rescue, showBegun } from './conversations.js';
import { answerIdOf } from './derived.js';
import { changeDraft } from './kept.js';
import { LiveAnswer, liveOf } from './live.js';
import { dropPending, keepPending } from './pending.js';
import { go, route } from './router.js';
import { complain, session } from './state.js';

/**
 * The answer to a command: {kind, key, asked} with `content` and `parent` of a message, or `of` of a regeneration.
 * `begin`: {key, …} where the conversation is still to be made. One that is on its way already is taken over.
 */
export function send(conversationId, command, callbacks) {
  const id = answerIdOf(session.value?.userId ?? '', conversationId, command.key);
  const known = liveOf(id);
  if (known) return Object.assign(known, callbacks);
  keepPending(conversationId, command);
  const live = LiveAnswer.of(id, source(conversationId, command), callbacks);
  live.started.then((started) => started && dropPending(conversationId, command.key));
  live.over.then(({ lost }) => lost && !lost.retryable && refused(conversationId, command, lost));
  return live;
}

function source(conversationId, { kind, key, content, parent, of, begin: beginning, asked }) {
  const path = `/api/v1/conversations/${conversationId}/messages`;
  const command = kind === 'message'
    ? { url: path, body: { content, parent_message_id: parent ?? 'root', ...asked } }
    : { url: `${path}/${of}/regenerate`, body: { ...asked } };
  if (beginning) showBegun(conversationId, content, beginning);
  return { ...command, conversationId, method: 'POST', key, first: beginning && ((signal) => begin(conversationId, beginning, signal)) };
}

/** The server will never take it: what was written is in the field again. */
function refused(conversationId, { kind, key, content, begin: beginning }, error) {
  dropPending(conversationId, key);
  if (kind !== 'message') return;
  const back = (written) => (written.includes(content) ? written : [content, written].filter(Boolean).join('\n\n'));
  if (gone.value.has(conversationId)) return rescue(conversationId, [content]);
  if (!isLocal(conversationId)) return changeDraft(conversationId, back);
  let since = '';
  changeDraft(conversationId, (written) => {
    since = written;
    return '';
  });
  forgetBegun(conversationId);
  if (beginning?.settings) noteSettings(null, beginning.settings);
  if (route.value.conversationId === conversationId) go('/', { replace: true });
  changeDraft(null, (written) => [back(since), written].filter(Boolean).join('\n\n'));
  complain(error);
}
