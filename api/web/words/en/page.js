export default {
  'answer.begun': 'The answer has begun.',
  'answer.complete': 'The answer is complete.',
  'answer.failed': 'The answer failed.',
  'answer.not-stopped': 'Could not stop: {why}',
  'answer.stopped': 'The answer was stopped.',

  'cancel': 'Cancel',

  'composer.characters': { one: '{count} character', other: '{count} characters' },
  'composer.label': 'Message',
  'composer.pastes': 'Pasted texts',
  'composer.placeholder': 'Write a message',
  'composer.remove-paste': 'Remove this text',
  'composer.send': 'Send',
  'composer.stop': 'Stop the answer',

  'connection.offline': 'You are offline. What you write is kept.',
  'connection.reconnecting': 'Reconnecting…',
  'connection.unreachable': 'The server cannot be reached. Trying again…',

  'conversation.not-begun': 'The conversation could not be begun.',

  'dismiss': 'Dismiss',

  'edit.kept': 'What followed stays, as a branch.',
  'edit.label': 'Edit the prompt',
  'edit.send': 'Send',
  'edit.stop-and-send': 'Stop and send',

  'loading': 'Loading…',

  'missing.what': 'There is nothing at this address.',
  'missing.why': 'A conversation’s address may not have been copied whole.',

  'new-chat': 'New chat',

  'settings.title': 'Settings',

  'thread.as-of': 'As of {when}',
  'thread.back-to-now': 'Back to now',
  'thread.fine-print': 'Answers can be wrong. Check what matters.',
  'thread.gone-on-elsewhere': 'This conversation had gone on elsewhere: your message began a new branch. Switch with ‹ › below it.',
  'thread.label': 'Conversation',
  'thread.load-earlier': 'Load earlier messages',
  'thread.loading': 'Loading the conversation',
  'thread.loads-again': 'It is tried again by itself.',
  'thread.missing': 'There is no such conversation.',
  'thread.missing-why': 'It may have been deleted.',
  'thread.newer': 'There is a newer branch of this conversation.',
  'thread.not-loaded': 'The conversation could not be loaded.',
  'thread.past-empty': 'Nothing had been said yet.',
  'thread.show-newer': 'Show it',
  'thread.to-end': 'To the latest message',

  'try-again': 'Try again',
};
