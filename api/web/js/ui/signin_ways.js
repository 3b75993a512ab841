// The other ways in: a name and its password, an issuer, an invitation, a reset. What an address brings is taken out of it at once.

import { get, post } from '../api.js';
import { read, write } from '../kept.js';
import { signIn } from '../signing.js';
import { t } from '../words.js';
import { html, useEffect, useLayoutEffect, useRef, useState } from './html.js';

const given = new URLSearchParams(/^#(?:invitation|reset|failed)=/.test(location.hash) ? location.hash.slice(1) : '');
if (given.size) history.replaceState(null, '', location.pathname + location.search);
/** The one-time link, until it is used. */
let link = given.get('invitation') ?? given.get('reset');
const SAID = { link_used: 'signin.link-used', link_expired: 'signin.link-expired', link_revoked: 'signin.link-revoked', link_unknown: 'signin.link-unknown', wrong_password: 'signin.wrong-password' };

const told = (failure) => (SAID[failure.code] ? t(SAID[failure.code]) : failure.message);

// An address can be anybody's: what it says is shown only to whom we sent to an issuer.
const begun = read(sessionStorage, 'signin-begun') !== null;
write(sessionStorage, 'signin-begun', null);
/** Where an issuer could not sign one in, what it says. */
export const failedThere = begun && given.has('failed') ? given.get('why') || given.get('failed') : '';

export function Ways() {
  const [ways, setWays] = useState({ issuers: [], signUp: 'closed' });
  const [creating, setCreating] = useState(false);
  useEffect(() => {
    get('/api/v1/session/ways', { quiet401: true }).then(setWays).catch(() => {}); // a key signs in all the same
  }, []);
  if (link) return html`<${ByLink} kind=${given.has('reset') ? 'reset' : 'invitation'} ways=${ways} />`;
  return html`<section class="signin-ways" aria-label=${t('signin.other')}>
    <${Issuers} issuers=${ways.issuers} />
    <${NameAndPassword} path=${creating ? '/api/v1/session/sign-up' : '/api/v1/session'} title=${t(creating ? 'signin.create' : 'signin.by-password')} fresh=${creating} />
    ${ways.signUp === 'open' && html`<button type="button" class="quiet" data-testid="signin-create" onClick=${() => setCreating(!creating)}>${t(creating ? 'signin.by-password' : 'signin.create')}</button>`}
  </section>`;
}

function Issuers({ issuers, invitation = '' }) {
  const go = (name) => {
    const to = location.pathname === '/signin' ? '/' : location.pathname;
    write(sessionStorage, 'signin-begun', '1');
    location.assign(`/api/v1/session/issuers/${name}?${new URLSearchParams({ to, ...(invitation && { invitation }) })}`);
  };
  return issuers.map(({ name, label }) => html`<button key=${name} type="button" class="wide" data-testid=${`signin-issuer-${name}`} onClick=${() => go(name)}>${t('signin.with', { issuer: label })}</button>`);
}

/** An invitation or a reset: what it is for is asked first, so that a used one says so at once. */
function ByLink({ kind, ways }) {
  const [found, setFound] = useState(null);
  const [error, setError] = useState('');
  useEffect(() => {
    post('/api/v1/session/link', { link }, { quiet401: true }).then(setFound).catch((failure) => setError(told(failure)));
  }, []);
  if (error) return html`<p class="form-error" role="alert" data-testid="signin-link-told">${error}</p>`;
  if (!found) return null;
  const reset = kind === 'reset';
  return html`<section class="signin-ways" aria-label=${t(reset ? 'signin.reset' : 'signin.create')}>
    <${NameAndPassword} path=${`/api/v1/session/${reset ? 'reset' : 'sign-up'}`} title=${t(reset ? 'signin.reset' : 'signin.create')} fresh known=${found.name ?? ''} body=${reset ? { link } : { invitation: link }} named=${!reset} first />
    ${!reset && html`<${Issuers} issuers=${ways.issuers} invitation=${link} />`}
  </section>`;
}

/** `fresh`: a password is chosen; `known`: the only name it is for; `named`: the name is sent; `first`: it is what the page
 * is for, so one begins to write at once. */
function NameAndPassword({ path, title, fresh = false, known = '', body = {}, named = true, first = false }) {
  const form = useRef(null);
  useLayoutEffect(() => {
    if (first) form.current?.querySelector('input:not([readonly])')?.focus();
  }, []);
  const [name, setName] = useState(known);
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    try {
      await signIn({ ...body, ...(named && { name: name.trim() }), password }, path);
      link = null;
    } catch (failure) {
      setError(told(failure));
      setBusy(false);
    }
  };
  return html`<form onSubmit=${submit} ref=${form}>
    <h2>${title}</h2>
    <label for="signin-name">${t('signin.name')}</label>
    <input id="signin-name" name="username" autocomplete="username" autocapitalize="none" spellcheck=${false} required maxlength="64" value=${name} readonly=${Boolean(known)} onInput=${(event) => setName(event.target.value)} data-testid="signin-name" />
    <label for="signin-password">${t('signin.password')}</label>
    <input id="signin-password" name="password" type="password" autocomplete=${fresh ? 'new-password' : 'current-password'} required minlength=${fresh ? 10 : 1} value=${password} onInput=${(event) => setPassword(event.target.value)} aria-invalid=${Boolean(error)} aria-describedby="signin-password-told" data-testid="signin-password" />
    <p id="signin-password-told" class=${error ? 'form-error' : 'muted'} role="alert" data-testid="signin-password-told">${error || (fresh && t('signin.rule'))}</p>
    <button class="primary wide" type="submit" disabled=${busy} data-testid="signin-password-submit">${t(busy ? 'signin.busy' : fresh ? 'signin.go' : 'signin.submit')}</button>
  </form>`;
}
