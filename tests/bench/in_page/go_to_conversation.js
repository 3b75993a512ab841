// Goes to a conversation as a press on its row does; the time until its messages are painted, in ms.
async (id) => {
  const row = document.querySelector(`[data-testid=conversation-item][data-id='${id}'] a`);
  const began = performance.now();
  row.click();
  const frame = () => new Promise(requestAnimationFrame);
  while (!document.querySelector('[data-testid=message]')) await frame();
  await frame();
  await new Promise((resolve) => setTimeout(resolve));
  const paint = performance.now() - began;
  const asked = performance.getEntriesByType('resource').findLast(({ name }) => name.includes('/branch'));
  return { paint, server: asked.responseEnd - asked.requestStart, messages: document.querySelectorAll('[data-testid=message]').length };
}
