// Reads files (as base64) as the import does, with limits of their own: of each the problems, the conversations, and the requests.
async ([reading, requests, files, limits]) => {
  const { read } = await import(reading);
  const { requestsOf } = await import(requests);
  const results = [];
  for (const text of files) {
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    const found = [];
    const problems = await read(new Blob([bytes]), (conversation) => found.push(conversation), () => {}, limits ?? undefined);
    results.push({
      problems,
      found: found.map(({ messages, ...rest }) => ({ ...rest, count: messages.length })),
      sent: found.map((conversation) => [...requestsOf(conversation)]),
    });
  }
  return results;
}
