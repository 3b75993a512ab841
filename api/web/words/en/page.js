export default {
  'connection.offline': 'You are offline. What you write is kept.',
  'connection.reconnecting': 'Reconnecting…',
  'connection.unreachable': 'The server cannot be reached. Trying again…',
  'dismiss': 'Dismiss',

  'settings.title': 'Settings',

  'start.greeting': 'What is on your mind?',
  'start.water': 'What is the water cycle?',
  'start.sleep': 'Give me five tips for sleeping better.',
  'start.sunset': 'Describe a sunset at the beach.',
  'start.hole': 'Explain what a black hole is in simple words.',
  'start.what': 'What can you do?',
  'start.count': 'Count from 1 to 40',
  'start.times': 'What is 37 × 24?',
  'start.model': '{model} answers.',
  'start.better': 'Add a better model',
  'start.better.how': 'Whoever runs this server adds models in a file, and starts it with {command}: a GGUF file that is computed here, or any server that speaks OpenAI’s API.',
  'start.better.entry': 'An entry of models.toml',
  'start.better.more': '{file} has more entries to copy, and what memory they need.',
};
