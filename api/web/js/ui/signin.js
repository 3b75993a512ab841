// Signing in: a page of its own, or a card over the page when a session has ended. What is below stays as it was.

import { session } from '../state.js';
import { html, useEffect, useRef } from './html.js';
import { later } from './later.js';

const Form = later(() => import('./signin_form.js'), 'SignInForm');

/** `over`: there is a page below. */
export function SignIn({ over }) {
  const dialog = useRef(null);
  const wanted = session.value === null;
  useEffect(() => {
    if (!over) return;
    if (wanted && !dialog.current.open) dialog.current.showModal();
    if (!wanted && dialog.current.open) dialog.current.close();
  }, [wanted, over]);
  if (over) return html`<dialog class="card signin" ref=${dialog} aria-labelledby="signin-title" onCancel=${(event) => event.preventDefault()}>${wanted && html`<${Form} />`}</dialog>`;
  return wanted && html`<main class="signin-page"><div class="signin"><${Form} alone /></div></main>`;
}
