export default {
  'alert.caution': 'Caution',
  'alert.important': 'Important',
  'alert.note': 'Note',
  'alert.tip': 'Tip',
  'alert.warning': 'Warning',

  'answer.begun': 'The answer has begun.',
  'answer.cancelled': 'You stopped this answer.',
  'answer.cancelled-empty': 'You stopped this answer before it began.',
  'answer.complete': 'The answer is complete.',
  'answer.continue': 'Continue',
  'answer.continue-prompt': 'Continue exactly where you stopped.',
  'answer.empty': 'The model answered nothing.',
  'answer.failed': 'The answer failed.',
  'answer.regenerate': 'Regenerate',
  'answer.stopped': 'The answer was stopped.',
  'answer.thinking': 'Waiting for the answer',
  'answer.truncated': 'The answer reached the longest length that the model allows.',
  'answer.writing': 'The answer is being written',

  'away.log_unavailable': 'The server’s log is away.',
  'away.overloaded': 'The server has too much to do.',
  'away.projections_behind': 'The server is catching up.',
  'away.store_unavailable': 'The server’s database is away.',
  'away.unknown': 'The server cannot answer now.',

  'cancel': 'Cancel',

  'chat-settings.title': 'Settings of this conversation',

  'code.copied': 'Copied',
  'code.copy': 'Copy',
  'code.copy-code': 'Copy code',
  'code.copy-language': 'Copy {language}',
  'code.not-copied': 'Not copied',
  'code.text': 'text',
  'code.wrap': 'Wrap lines',

  'composer.characters': { one: '{count} character', other: '{count} characters' },
  'composer.label': 'Message',
  'composer.pastes': 'Pasted texts',
  'composer.placeholder': 'Write a message',
  'composer.queue': 'Send after this answer',
  'composer.remove-paste': 'Remove this text',
  'composer.send': 'Send',
  'composer.stop': 'Stop the answer',
  'composer.stop-and-send': 'Stop and send',

  'connection.limited': 'Too many requests.',
  'connection.offline': 'You are offline. What you write is kept.',
  'connection.reconnecting': 'Reconnecting…',
  'connection.sends-in': 'Sending again in {seconds} s.',
  'connection.tries-in': 'Trying again in {seconds} s.',
  'connection.unreachable': 'The server cannot be reached. Trying again…',

  'conversation.not-begun': 'The conversation could not be begun.',

  'details': 'Details',

  'dismiss': 'Dismiss',

  'edit.kept': 'The earlier version is kept.',
  'edit.label': 'Edit the prompt',
  'edit.send': 'Send',
  'edit.stop-and-send': 'Stop and send',

  'foot.dark': 'Dark colours',
  'foot.keys': 'Keyboard shortcuts',
  'foot.light': 'Light colours',
  'foot.out': 'Sign out',
  'foot.somebody': 'Signed in',

  'list.empty': 'What you talk about will be listed here.',
  'list.export': 'Export',
  'list.found': 'Found conversations',
  'list.hide': 'Hide the list',
  'list.loading': 'Loading…',
  'list.month': 'Previous 30 days',
  'list.more': 'Show more',
  'list.name': 'Conversations',
  'list.older': 'Older',
  'list.show': 'Show the list',
  'list.today': 'Today',
  'list.week': 'Previous 7 days',
  'list.yesterday': 'Yesterday',

  'loading': 'Loading…',

  'log.name': 'Log',

  'message.answer': 'Answer',
  'message.copied': 'Copied',
  'message.earlier': 'Earlier version',
  'message.later': 'Later version',
  'message.mine': 'You said',
  'message.version': 'Version {number} of {all}',
  'message.versions': 'Versions',

  'missing.title': 'Not found',

  'model.choose': 'Model: {name}',
  'model.detail': '{context} context · {input} / {output} per M tokens',
  'model.free': '{context} context · free',

  'new-chat': 'New chat',

  'note.back': 'Back to the text',
  'note.mark': 'Note {name}',

  'page.part-missing': 'This part of the page could not be loaded.',

  'problem.500': 'The server had an error. Try again.',
  'problem.503': 'The server cannot answer now. Try again in a moment.',
  'problem.context_length_exceeded': 'This is longer than the model can read. Shorten it, begin a new chat, or choose another model.',
  'problem.gone': 'The connection could not be taken up again.',
  'problem.limited': 'Too many requests. Try again in a moment.',
  'problem.limited-for': 'Too many requests. Try again in {seconds} s.',
  'problem.log_unavailable': 'The server’s log is away. Try again in a moment.',
  'problem.other': 'The server answered {status}.',
  'problem.overloaded': 'The server has too much to do. Try again in a moment.',
  'problem.store_unavailable': 'The server’s database is away. Try again in a moment.',
  'problem.unreachable': 'The server cannot be reached.',

  'prompt.all': 'Show all {count} characters',
  'prompt.less': 'Show less',

  'prose.formula': 'Formula',
  'prose.table': 'Table',

  'pulse.name': 'Pulse',

  'queue.full': { one: 'No more than {count} message can wait.', other: 'No more than {count} messages can wait.' },

  'row.delete': 'Delete',
  'row.failed': 'The answer failed',
  'row.finished': 'A new answer',
  'row.more': 'More for {name}',
  'row.rename': 'Rename',
  'row.running': 'An answer is being written',

  'search.name': 'Search conversations',
  'search.nothing': 'Nothing found.',
  'search.on': 'Searched back to {date}. Go on',
  'search.running': 'Searching…',
  'search.short': 'Search',

  'settings.title': 'Settings',

  'signin.again': 'Please sign in again to go on where you were.',
  'signin.ended': 'You were signed out everywhere. Sign in to go on where you were.',
  'signin.expired': 'Your sign-in has expired. Sign in to go on where you were.',
  'signin.revoked': 'The key that you signed in with has been revoked. Sign in with another key to go on where you were.',

  'skip': 'To the conversation',

  'start.better': 'Add a better model',
  'start.better.entry': 'An entry of models.toml',
  'start.better.how': 'Whoever runs this server adds models in a file, and starts it with {command}: a GGUF file that is computed here, or any server that speaks OpenAI’s API.',
  'start.better.more': '{file} has more entries to copy, and what memory they need.',
  'start.count': 'Count from 1 to 40',
  'start.greeting': 'What is on your mind?',
  'start.hole': 'Explain what a black hole is in simple words.',
  'start.model': '{model} answers.',
  'start.sleep': 'Give me five tips for sleeping better.',
  'start.sunset': 'Describe a sunset at the beach.',
  'start.times': 'What is 37 × 24?',
  'start.water': 'What is the water cycle?',
  'start.what': 'What can you do?',

  'task.done': 'Done',
  'task.open': 'To do',

  'thread.as-of': 'As of {when}',
  'thread.back-to-now': 'Back to now',
  'thread.fine-print': 'Answers can be wrong. Check what matters.',
  'thread.gone-on-elsewhere': 'This conversation had gone on elsewhere: your message began another version. Switch with ‹ › below it.',
  'thread.label': 'Conversation',
  'thread.load-earlier': 'Load earlier messages',
  'thread.loading': 'Loading the conversation',
  'thread.loads-again': 'The page tries again by itself.',
  'thread.newer': 'There is a newer version of this conversation.',
  'thread.not-loaded': 'The conversation could not be loaded.',
  'thread.past-empty': 'Nothing had been said yet.',
  'thread.show-newer': 'Show it',
  'thread.to-end': 'Scroll to the end',

  'try-again': 'Try again',
};
