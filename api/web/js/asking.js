// What a turn is asked with.

/** The fields of a command beside its text. `model` null: the conversation's own, or the server's default. */
export const asking = (conversationId, model) => (model ? { model } : {});
