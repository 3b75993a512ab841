// What is wrong with the elements on the page, as text. KaTeX's own elements are made by it, not by a text.
() => {
  const allowed = new Set(
    'P BR STRONG EM S A CODE PRE UL OL LI BLOCKQUOTE H1 H2 H3 H4 H5 H6 HR TABLE THEAD TBODY TR TH TD SPAN DIV BUTTON SUP SECTION INPUT'.split(' '),
  );
  const acting = /^on|^(src|srcset|srcdoc|action|formaction|poster|background|data|ping|xlink:href)$/i;
  const wrong = [];
  for (const element of document.querySelectorAll('.prose *')) {
    for (const { name, value } of element.attributes) {
      if (acting.test(name)) wrong.push(`${name}=${value}`);
      if (name === 'href' && !/^(https?|mailto):/.test(value)) wrong.push(`href=${value}`);
      if (name === 'style' && /url\(/i.test(value)) wrong.push(`style=${value}`);
    }
    if (element.closest('.katex')) continue;
    const told = element.outerHTML.slice(0, 200);
    if (!allowed.has(element.tagName) || element.hasAttribute('style') || element.id) wrong.push(told);
    if (element.tagName === 'INPUT' && (element.type !== 'checkbox' || !element.disabled || element.name)) wrong.push(told);
    if (element.tagName === 'A' && (element.rel !== 'noopener noreferrer' || element.target !== '_blank')) wrong.push(told);
  }
  if (/[\u202A-\u202E\u2066-\u2069]/.test(document.body.innerText)) wrong.push('a direction control');
  if ('struck' in window) wrong.push('struck');
  return wrong;
}
