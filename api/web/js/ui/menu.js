// A button that opens a list of choices. Arrow keys walk, Escape closes, focus goes back.

import { html, Icon, useEffect, useRef, useState } from './html.js';

/** `items`: [{label, icon, detail, checked, testid, danger, onChoose}]. `children`: what the button shows. */
export function Menu({ label, items, children, className = '', testid, up = false, radio = false }) {
  const [open, setOpen] = useState(false);
  const root = useRef(null);
  const button = useRef(null);
  useEffect(() => {
    if (!open) return undefined;
    (root.current.querySelector('[aria-checked=true]') ?? root.current.querySelector('[role^=menuitem]'))?.focus();
    const outside = (event) => !root.current.contains(event.target) && setOpen(false);
    addEventListener('pointerdown', outside);
    return () => removeEventListener('pointerdown', outside);
  }, [open]);
  const close = () => {
    setOpen(false);
    button.current.focus();
  };
  const onKeyDown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (open && event.key === 'Escape') {
      event.stopPropagation();
      close();
    } else if (open && event.key === 'Tab') {
      setOpen(false);
    } else if (step) {
      event.preventDefault();
      if (!open) return setOpen(true);
      const all = [...root.current.querySelectorAll('[role^=menuitem]')];
      all[(all.indexOf(document.activeElement) + step + all.length) % all.length]?.focus();
    }
  };
  return html`<div class=${`menu ${className}`} ref=${root} onKeyDown=${onKeyDown}>
    <button type="button" class="menu-button" ref=${button} aria-haspopup="menu" aria-expanded=${open} aria-label=${label} title=${label} data-testid=${testid} onClick=${() => setOpen(!open)}>${children}</button>
    ${open && html`<div class=${`menu-list ${up ? 'menu-up' : ''}`} role="menu" aria-label=${label}>
      ${items.map((item) => html`<button type="button" key=${item.label} class=${`menu-item ${item.danger ? 'danger' : ''}`} tabindex="-1"
        role=${radio ? 'menuitemradio' : 'menuitem'} aria-checked=${radio ? Boolean(item.checked) : undefined} data-testid=${item.testid}
        onClick=${() => { close(); item.onChoose(); }}>
        ${item.icon && html`<${Icon} name=${item.icon} />`}
        <span class="menu-text"><span>${item.label}</span>${item.detail && html`<small>${item.detail}</small>`}</span>
        ${item.checked && html`<${Icon} name="check" />`}
      </button>`)}
    </div>`}
  </div>`;
}
