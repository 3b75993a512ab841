// What is open around the conversation and its row.

import { signal } from '../../vendor/signals.mjs';

/** Whose menu is open: {conversation, anchor}; null: none. There is one for all rows. */
export const rowMenu = signal(null);
/** Whether the title is being written. */
export const renaming = signal(false);
/** Which two models are asked, and where: {conversationId, pair}; null: only the chosen one is. */
export const second = signal(null);
/** Whether one looks for words in the conversation. */
export const finding = signal(false);
/** What the list is narrowed to: {model, from, to, archived}; null: to nothing. */
export const filter = signal(null);
/** The conversations that are selected; null: nothing is being selected. */
export const selection = signal(null);
