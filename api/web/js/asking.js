// What a turn is asked with: the model, and the settings in force, which are the conversation's own, else the user's.

import { get } from './api.js';
import { conversations } from './conversations.js';
import { systemPrompt } from './preferences.js';

const noted = new Map();

/** A conversation's own settings: {model, systemPrompt, temperature, topP, maxTokens}, as far as it has any. */
export const settingsOf = (conversationId) => conversations.value.find((each) => each.id === conversationId)?.settings ?? noted.get(conversationId) ?? {};

export function noteSettings(conversationId, settings) {
  noted.set(conversationId, settings);
  conversations.value = conversations.value.map((each) => (each.id === conversationId ? { ...each, settings } : each));
}

/** Asks for what a conversation's settings are, unless the list has said so. Raises ApiError. */
export async function learnSettings(conversationId) {
  if (noted.has(conversationId) || conversations.value.some((each) => each.id === conversationId && each.settings)) return;
  const { settings } = await get(`/api/v1/conversations/${conversationId}`, { quiet401: true });
  noted.set(conversationId, settings ?? {});
}

/** The fields of a command beside its text. `model` null: the server's default. */
export function asking(conversationId, model) {
  const own = settingsOf(conversationId);
  const asked = { model, instructions: own.systemPrompt ?? systemPrompt.value, temperature: own.temperature, top_p: own.topP, max_tokens: own.maxTokens };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== null && value !== undefined && value !== ''));
}
