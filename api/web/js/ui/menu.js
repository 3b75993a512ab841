// A button that opens a list of choices, in the top layer: nothing cuts it off. Arrow keys, Home, End and the first
// letters walk, Escape closes, focus goes back.

import { html, Icon, useLayoutEffect, useRef, useState } from './html.js';

const GAP = 4;
const EDGE = 8;
const LEAST_HEIGHT = 120;
const TYPED_TOGETHER_MS = 700;

/** `items`: [{label, icon, detail, checked, testid, danger, onChoose}], false for none. `children`: what the button shows. `start`: the list
 * begins where the button begins, else it ends where the button ends. */
export function Menu({ label, items, children, className = '', testid, up = false, start = up, radio = false }) {
  const [open, setOpen] = useState(false);
  const button = useRef(null);
  const onKeyDown = (event) => {
    if (open || (event.key !== 'ArrowDown' && event.key !== 'ArrowUp')) return;
    event.preventDefault();
    setOpen(true);
  };
  return html`<div class=${`menu ${className}`}>
    <button type="button" class="menu-button" ref=${button} aria-haspopup="menu" aria-expanded=${open} aria-label=${label} title=${label} data-testid=${testid}
      onClick=${() => setOpen(!open)} onKeyDown=${onKeyDown}>${children}</button>
    ${open && html`<${MenuList} ...${{ label, items, up, start, radio }} anchor=${button.current} onClose=${() => setOpen(false)} />`}
  </div>`;
}

/** The list by itself, beside `anchor`. `onClose` takes it away; focus is back on the anchor, except after a press elsewhere. */
export function MenuList({ label, items, anchor, up = false, start = up, radio = false, onClose }) {
  const list = useRef(null);
  const typed = useRef({ text: '', at: 0 });
  useLayoutEffect(() => {
    const element = list.current;
    const again = () => place(element, anchor, up, start);
    const outside = (event) => !element.contains(event.target) && !anchor.contains(event.target) && onClose();
    element.showPopover();
    again();
    (element.querySelector('[aria-checked=true]') ?? element.firstElementChild)?.focus();
    addEventListener('pointerdown', outside);
    addEventListener('resize', again);
    addEventListener('scroll', again, true);
    return () => {
      removeEventListener('pointerdown', outside);
      removeEventListener('resize', again);
      removeEventListener('scroll', again, true);
    };
  }, []);
  const close = () => {
    anchor.focus();
    onClose();
  };
  const onKeyDown = (event) => {
    const all = [...list.current.children];
    const at = all.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key] ?? byLetters(event, typed.current, all, at);
    if (event.key === 'Tab') return close(); // and on from the button
    if (event.key === 'Escape') close();
    else if (next !== null) all.at(next % all.length)?.focus();
    else return;
    event.stopPropagation();
    event.preventDefault();
  };
  return html`<div class=${`menu-list ${up ? 'menu-up' : ''}`} popover="manual" role="menu" aria-label=${label} ref=${list} onKeyDown=${onKeyDown}>
    ${items.filter(Boolean).map((item) => html`<button type="button" key=${item.label} class=${`menu-item ${item.danger ? 'danger' : ''}`} tabindex="-1"
      role=${radio ? 'menuitemradio' : 'menuitem'} aria-checked=${radio ? Boolean(item.checked) : undefined} data-testid=${item.testid}
      onClick=${() => { close(); item.onChoose(); }}>
      ${item.icon && html`<${Icon} name=${item.icon} />`}
      <span class="menu-text"><span>${item.label}</span>${item.detail && html`<small>${item.detail}</small>`}</span>
      ${item.checked && html`<${Icon} name="check" />`}
    </button>`)}
  </div>`;
}

/** The place of the next item that begins with what is being typed; null: none does. One letter again and again walks. */
function byLetters(event, typed, all, at) {
  if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey || (event.key === ' ' && !typed.text)) return null;
  const now = performance.now();
  typed.text = now - typed.at < TYPED_TOGETHER_MS && typed.text !== event.key ? typed.text + event.key : event.key;
  typed.at = now;
  const wanted = typed.text.toLocaleLowerCase();
  const from = wanted.length > 1 ? at : at + 1;
  for (let step = 0; step < all.length; step += 1) {
    const place = (from + step) % all.length;
    if (all[place].innerText.trim().toLocaleLowerCase().startsWith(wanted)) return place;
  }
  return null;
}

/** Below the anchor or above it, wherever there is more room; within the window in any case. */
function place(element, anchor, up, start) {
  const { style } = element;
  style.maxHeight = '';
  const at = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = element;
  const below = innerHeight - at.bottom - GAP - EDGE;
  const above = at.top - GAP - EDGE;
  const upward = up ? above >= height || above > below : below < height && above > below;
  const room = Math.max(upward ? above : below, LEAST_HEIGHT);
  const shown = Math.min(height, room);
  if (height > room) style.maxHeight = `${room}px`;
  style.top = `${Math.max(EDGE, upward ? at.top - GAP - shown : Math.min(at.bottom + GAP, innerHeight - shown - EDGE))}px`;
  const atLeft = (getComputedStyle(anchor).direction === 'rtl') !== start;
  style.left = `${Math.max(EDGE, Math.min(atLeft ? at.left : at.right - width, innerWidth - width - EDGE))}px`;
}
