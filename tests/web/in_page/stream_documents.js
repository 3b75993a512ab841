// Renders each document at once, and grown in steps. Returns how many pairs were made.
async ([stream, markdown, documents]) => {
  const { BlockStreamer } = await import(stream);
  const { renderOnce } = await import(markdown);
  window.made = [];
  for (const { text, steps } of documents) {
    const once = document.createElement('div');
    once.append(renderOnce(text));
    for (const step of steps) {
      const grown = document.createElement('div');
      const streamer = new BlockStreamer(grown);
      for (let at = 0; at < text.length; at += step) {
        streamer.push(text.slice(at, at + step));
        streamer.flush();
      }
      streamer.end();
      window.made.push({ text, step, grown, once });
    }
  }
  return window.made.length;
}
