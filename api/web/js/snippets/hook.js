// The user's snippets in a field: once a `/` begins a word, their popup is loaded and looks after the field from then on.

import { html, useEffect, useState } from '../ui/html.js';
import { withWords } from '../words.js';

const LONGEST = 80;
const BEGUN = /(?:^|\s)\/[^\s/]*$/;

/** `field`: a reference to the text area. */
export function Snippets({ field }) {
  const [Popup, setPopup] = useState(null);
  useEffect(() => {
    const element = field.current;
    const look = () => {
      const at = element.selectionStart;
      if (!BEGUN.test(element.value.slice(Math.max(0, at - LONGEST), at))) return;
      element.removeEventListener('input', look);
      withWords(import('./popup.js')).then((module) => setPopup(() => module.Popup), () => element.addEventListener('input', look));
    };
    element.addEventListener('input', look);
    return () => element.removeEventListener('input', look);
  }, []);
  return Popup && html`<${Popup} field=${field} />`;
}
