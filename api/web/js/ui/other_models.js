// The same prompt to another model: instead of this answer, or beside it.

import { compare } from '../comparing.js';
import { models } from '../state.js';
import { oneLine } from '../text.js';
import { t } from '../words.js';
import { html, Icon } from './html.js';
import { Menu } from './menu.js';

export function OtherModels({ message, thread }) {
  const others = models.value.filter((each) => each.listed !== false && each.id !== message.model);
  if (others.length === 0) return null;
  const item = (name, testid, act) => ({ id }) => ({ label: t(name, { model: oneLine(id) }), testid, onChoose: () => act(id) });
  return html`<${Menu} label=${t('answer.other-models')} testid="other-models" className="other-models" up items=${[
    ...others.map(item('answer.regenerate-with', 'regenerate-with', (id) => thread.regenerate(message, id))),
    ...others.map(item('answer.compare-with', 'compare-with', (id) => compare(thread, message, id))),
  ]}><${Icon} name="chevron" /></${Menu}>`;
}
