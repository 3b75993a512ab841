// Whether the newest answer's elements are those of one render of the whole text, once its colours have come.
async (text) => {
  const main = document.querySelector('script[type=module]').src;
  const { renderOnce } = await import(main.replace('main.js', 'markdown.js'));
  const once = document.createElement('div');
  once.append(renderOnce(text));
  const shown = [...document.querySelectorAll('[data-role=assistant] .prose')].at(-1);
  const plain = (element) => element.innerHTML.replaceAll('\n', '');
  for (let tries = 0; tries < 50 && plain(shown) !== plain(once); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return plain(shown) === plain(once);
}
