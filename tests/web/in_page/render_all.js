// Shows each text twice: streamed and at once.
async ([stream, markdown, texts]) => {
  const { BlockStreamer } = await import(stream);
  const { renderOnce } = await import(markdown);
  const place = document.querySelector('.messages');
  for (const text of texts) {
    const once = document.createElement('div');
    once.className = 'prose';
    place.append(once);
    once.append(renderOnce(text));
    const grown = document.createElement('div');
    grown.className = 'prose';
    place.append(grown);
    const streamer = new BlockStreamer(grown);
    for (let at = 0; at < text.length; at += 3) {
      streamer.push(text.slice(at, at + 3));
      streamer.flush();
    }
    streamer.end();
  }
}
