// What a turn is asked with: the model, and the settings in force, which are the conversation's own, else the user's.

import { signal } from '../vendor/signals.mjs';
import { change, conversationOf } from './conversations.js';
import { draftSettings, keepDraftSettings } from './kept.js';
import { systemPrompt } from './preferences.js';
import { session } from './state.js';

/** Those of the chat that is still to begin: they are kept with its draft. */
const ofNew = signal({});
session.subscribe((who) => (ofNew.value = who ? draftSettings() : {}));

/** A conversation's own settings: {model, systemPrompt, temperature, topP, maxTokens}, as far as it has any. `conversationId` null: of a new chat. */
export const settingsOf = (conversationId) => (conversationId ? conversationOf(conversationId)?.settings : ofNew.value) ?? {};
export function noteSettings(conversationId, settings) {
  if (conversationId) return change(conversationId, { settings });
  keepDraftSettings(settings);
  ofNew.value = settings;
}

/** The fields of a command beside its text. `model` null: the server's default. */
export function asking(conversationId, model) {
  const own = settingsOf(conversationId);
  const asked = { model, instructions: own.systemPrompt ?? systemPrompt.value, temperature: own.temperature, top_p: own.topP, max_tokens: own.maxTokens };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== null && value !== undefined && value !== ''));
}
