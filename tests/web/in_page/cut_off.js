// What does not fit: texts and controls that reach over the edge of the page, or that are cut within themselves.
() => {
  const wrong = [];
  const { clientWidth } = document.documentElement;
  if (document.documentElement.scrollWidth > clientWidth) wrong.push(`the page is ${document.documentElement.scrollWidth} wide, of ${clientWidth}`);
  const scrolls = (element) => /auto|scroll|hidden|clip/.test(getComputedStyle(element).overflowX);
  const within = (element) => {
    for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) if (scrolls(at)) return true;
    return false;
  };
  for (const element of document.querySelectorAll('button, a, input, select, h1, h2, h3, p, summary, label, time, dt, dd, td, th, .menu-item, .toast')) {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || element.closest('.visually-hidden, .skip, .katex')) continue;
    const { left, right, width } = element.getBoundingClientRect();
    const told = `${element.tagName.toLowerCase()} ${element.className} “${(element.textContent || element.getAttribute('aria-label') || '').trim().slice(0, 40)}”`;
    if (width > 0 && (left < -1 || right > clientWidth + 1) && !within(element)) wrong.push(`${told}: from ${Math.round(left)} to ${Math.round(right)} of ${clientWidth}`);
    const style = getComputedStyle(element);
    if (element.scrollWidth > element.clientWidth + 2 && element.clientWidth > 0 && style.overflowX === 'visible' && style.display !== 'inline' && !within(element)) wrong.push(`${told}: ${element.scrollWidth} in ${element.clientWidth}`);
  }
  return wrong;
}
