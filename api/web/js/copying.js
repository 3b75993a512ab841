// Copies the branch of a conversation that is shown, all of it, as Markdown.

import { complain, toast } from './state.js';
import { copyText } from './ui/html.js';
import { t } from './words.js';

const MAX_PAGES = 400;

/** Earlier messages are loaded as far as they go. Never raises. */
export async function copyConversation(thread) {
  if (!thread) return;
  for (let pages = 0; thread.nextBefore.value && pages < MAX_PAGES; pages += 1) {
    const before = thread.nextBefore.value;
    await thread.loadEarlier();
    if (thread.nextBefore.value === before) return; // it has said why
  }
  const text = thread.messages.value.map(({ role, model, content }) => `**${role === 'user' ? t('copying.you') : model || role}**\n\n${content.trim()}\n`).join('\n');
  if (await copyText(text)) toast(t('copying.done'));
  else complain(t('copying.failed'));
}
