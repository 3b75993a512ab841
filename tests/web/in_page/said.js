// What the page says itself: the texts and names of what can be seen, without what people and models wrote.
() => {
  const said = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement, data } = walker.currentNode;
    if (data.trim() && parentElement.checkVisibility() && !parentElement.closest('bdi, .prose, pre, code, script, style')) said.add(data.trim());
  }
  for (const element of document.querySelectorAll('[aria-label], [title], [placeholder]'))
    if (element.checkVisibility()) for (const name of ['aria-label', 'title', 'placeholder']) if (element.hasAttribute(name)) said.add(element.getAttribute(name));
  return [...said];
}
