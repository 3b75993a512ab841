// What a turn is asked with: the model, and the settings in force, which are the conversation's own, else the user's.

import { change, conversationOf } from './conversations.js';
import { systemPrompt } from './preferences.js';

/** A conversation's own settings: {model, systemPrompt, temperature, topP, maxTokens}, as far as it has any. */
export const settingsOf = (conversationId) => conversationOf(conversationId)?.settings ?? {};
export const noteSettings = (conversationId, settings) => change(conversationId, { settings });

/** The fields of a command beside its text. `model` null: the server's default. */
export function asking(conversationId, model) {
  const own = settingsOf(conversationId);
  const asked = { model, instructions: own.systemPrompt ?? systemPrompt.value, temperature: own.temperature, top_p: own.topP, max_tokens: own.maxTokens };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== null && value !== undefined && value !== ''));
}
