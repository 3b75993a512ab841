export default {
  'connection.offline': 'You are offline. What you write is kept.',
  'connection.reconnecting': 'Reconnecting…',
  'connection.unreachable': 'The server cannot be reached. Trying again…',
  'dismiss': 'Dismiss',

  'settings.title': 'Settings',
};
