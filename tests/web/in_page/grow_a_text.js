// Lets a text grow by `part` a frame; returns its length and the longest time between two frames, in ms.
async ([stream, part, times, open]) => {
  const { BlockStreamer } = await import(stream);
  const place = document.createElement('div');
  place.className = 'prose';
  document.querySelector('.messages').append(place);
  const streamer = new BlockStreamer(place);
  streamer.push(open);
  let longest = 0;
  let last = performance.now();
  const frame = () => new Promise(requestAnimationFrame).then(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  });
  for (let time = 0; time < times; time += 1) {
    streamer.push(part);
    await frame();
  }
  streamer.end();
  await frame();
  await frame();
  const shown = place.textContent.length;
  place.remove();
  return [shown, longest];
}
