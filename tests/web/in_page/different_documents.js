// The documents whose streamed elements are not those of one render: [step, beginning, streamed, at once].
() => {
  const plain = (element) => element.innerHTML.replaceAll('\n', '');
  return window.made
    .filter(({ grown, once }) => plain(grown) !== plain(once))
    .map(({ text, step, grown, once }) => [step, text.slice(0, 60), plain(grown).slice(0, 500), plain(once).slice(0, 500)]);
}
