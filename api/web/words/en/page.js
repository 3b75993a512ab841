export default {
  'alert.caution': 'Caution',
  'alert.important': 'Important',
  'alert.note': 'Note',
  'alert.tip': 'Tip',
  'alert.warning': 'Warning',

  'code.copied': 'Copied',
  'code.copy': 'Copy',
  'code.copy-code': 'Copy code',
  'code.copy-language': 'Copy {language}',
  'code.not-copied': 'Not copied',
  'code.text': 'text',
  'code.wrap': 'Wrap lines',

  'connection.offline': 'You are offline. What you write is kept.',
  'connection.reconnecting': 'Reconnecting…',
  'connection.unreachable': 'The server cannot be reached. Trying again…',
  'dismiss': 'Dismiss',

  'note.back': 'Back to the text',
  'note.mark': 'Note {name}',

  'prose.formula': 'Formula',
  'prose.table': 'Table',

  'settings.title': 'Settings',

  'task.done': 'Done',
  'task.open': 'To do',
};
