// Words of controls that are cut: by their own edge, or by something around them that does not scroll. What people wrote
// may be shortened, and where a record of the log lies.
() => {
  const wrong = [];
  const pen = document.createElement('canvas').getContext('2d');
  for (const control of document.querySelectorAll('button, [role=menuitem], [role=menuitemradio], label, summary, legend, .new-chat, .settings-nav a')) {
    if (!control.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || control.closest('.visually-hidden')) continue;
    const walker = document.createTreeWalker(control, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode;
      if (!text.data.trim() || text.parentElement.closest('bdi, .row-place, .visually-hidden')) continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      const { left, right, top, bottom } = range.getBoundingClientRect();
      for (let at = text.parentElement; at && at !== document.body; at = at.parentElement) {
        const { overflowX, overflowY } = getComputedStyle(at);
        if (overflowX === 'auto' || overflowX === 'scroll' || overflowY === 'auto' || overflowY === 'scroll') break;
        const edge = at.getBoundingClientRect();
        const clips = overflowX === 'hidden' || overflowX === 'clip';
        if ((clips || at === control) && edge.width > 1 && (left < edge.left - 1 || right > edge.right + 1 || top < edge.top - 3 || bottom > edge.bottom + 3)) {
          wrong.push(`${control.tagName.toLowerCase()} ${control.className} “${text.data.trim().slice(0, 40)}” is cut by ${at.tagName.toLowerCase()} ${at.className}`);
          break;
        }
      }
    }
  }
  for (const field of document.querySelectorAll('input[placeholder], textarea[placeholder]')) {
    if (!field.checkVisibility() || field.value) continue;
    const { font, paddingLeft, paddingRight } = getComputedStyle(field);
    pen.font = font;
    const [needs, has] = [pen.measureText(field.placeholder).width, field.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight)];
    if (needs > has + 1) wrong.push(`placeholder “${field.placeholder}”: ${Math.round(needs)} in ${Math.round(has)}`);
  }
  return wrong;
}
