export default {
  'again': 'Try again',
  'cancel': 'Cancel',

  'bar.log': 'Log view',

  'code.copied': 'Copied',
  'code.copy': 'Copy',
  'code.failed': 'Not copied',

  'connection.offline': 'You are offline. What you write is kept.',
  'connection.reconnecting': 'Reconnecting…',
  'connection.unreachable': 'The server cannot be reached. Trying again…',
  'dismiss': 'Dismiss',

  'foot.dark': 'Dark colours',
  'foot.keys': 'Keyboard shortcuts',
  'foot.light': 'Light colours',
  'foot.out': 'Sign out',
  'foot.pulse': 'Pulse',
  'foot.somebody': 'Signed in',

  'list.empty': 'What you talk about will be listed here.',
  'list.found': 'Found conversations',
  'list.hide': 'Hide the list',
  'list.loading': 'Loading…',
  'list.month': 'Previous 30 days',
  'list.more': 'Show more',
  'list.name': 'Conversations',
  'list.new': 'New chat',
  'list.older': 'Older',
  'list.show': 'Show the list',
  'list.today': 'Today',
  'list.unnamed': 'New chat',
  'list.week': 'Previous 7 days',
  'list.yesterday': 'Yesterday',

  'missing.title': 'Not found',

  'part.failed': 'This part of the page could not be loaded.',
  'part.loading': 'Loading',

  'row.delete': 'Delete',
  'row.more': 'More for {name}',
  'row.rename': 'Rename',

  'search.name': 'Search conversations',
  'search.nothing': 'Nothing found.',
  'search.on': 'Searched back to {date}. Go on',
  'search.running': 'Searching…',
  'search.short': 'Search',

  'skip': 'To the conversation',
};
