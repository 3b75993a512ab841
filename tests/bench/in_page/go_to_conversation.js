// Goes to a conversation as a press on its row does; the time until the newest messages are painted, in ms, whether they
// fill the screen, and how long it took until there were 60.
async (id) => {
  const row = document.querySelector(`[data-testid=conversation-item][data-id='${id}'] a`);
  const began = performance.now();
  row.click();
  const frame = () => new Promise(requestAnimationFrame);
  while (!document.querySelector('[data-testid=message]')) await frame();
  await frame();
  await new Promise((resolve) => setTimeout(resolve));
  const paint = performance.now() - began;
  const scroller = document.querySelector('.scroller');
  const fills = scroller.scrollHeight > scroller.clientHeight && scroller.scrollTop > 0;
  while (document.querySelectorAll('[data-testid=message]').length < 60) await frame();
  const whole = performance.now() - began;
  const asked = performance.getEntriesByType('resource').findLast(({ name }) => name.includes('/branch'));
  return { paint, fills, whole, server: asked.responseEnd - asked.requestStart };
}
