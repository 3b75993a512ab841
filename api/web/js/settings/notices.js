// Settings → General → Notices: what tells of finished answers.

import { change, notifications, sound } from '../preferences.js';
import { play } from '../sound.js';
import { html, useState } from '../ui/html.js';
import { t } from '../words.js';
import { Field, Group, Switch } from './fields.js';

/** 'granted', 'denied', 'default' (not asked yet), or 'unable'. */
const allowed = () => (isSecureContext && 'Notification' in globalThis ? Notification.permission : 'unable');

export function Notices() {
  const [permission, setPermission] = useState(allowed);
  const on = notifications.value;
  const ask = async () => {
    const given = await Notification.requestPermission();
    setPermission(given);
    return given;
  };
  /** The browser asks its user when it is switched on, and never otherwise. */
  const turn = async (wanted) => {
    if (!wanted) return change({ notifications: null });
    const given = permission === 'default' ? await ask() : permission;
    if (given === 'granted') change({ notifications: true });
  };
  const hint = permission === 'unable' ? 'general.notify.unable' : permission === 'denied' ? 'general.notify.refused' : 'general.notify.hint';
  return html`<${Group} title=${t('general.notices')}>
    <${Field} id="notifications" label=${t('general.notify')} hint=${t(hint)}>
      ${on && permission === 'default' && html`<button type="button" data-testid="notifications-ask" onClick=${ask}>${t('general.notify.ask')}</button>`}
      <${Switch} id="notifications" hint on=${on} disabled=${!on && (permission === 'denied' || permission === 'unable')} onChange=${turn} /></${Field}>
    <${Field} id="sound" label=${t('general.sound')} hint=${t('general.sound.hint')}>
      <button type="button" data-testid="sound-try" onClick=${play}>${t('general.sound.try')}</button>
      <${Switch} id="sound" hint on=${sound.value} onChange=${(wanted) => change({ sound: wanted || null })} /></${Field}>
  </${Group}>`;
}
