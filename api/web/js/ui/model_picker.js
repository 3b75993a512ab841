// Which model answers next, with its price and how much it can hold.

import { money, tokens } from '../format.js';
import { models } from '../state.js';
import { oneLine } from '../text.js';
import { html, Icon } from './html.js';
import { Menu } from './menu.js';

export const modelOr = (id) => models.value.find((each) => each.id === id) ?? models.value.find((each) => each.default) ?? models.value[0] ?? null;

export function ModelPicker({ model, setModel }) {
  const chosen = modelOr(model);
  if (!chosen) return html`<span />`;
  const offered = models.value.filter((each) => each.listed !== false || each.id === chosen.id);
  return html`<${Menu} label=${`Model: ${chosen.id}`} testid="model-picker" className="model-menu" up radio items=${offered.map((each) => ({
    label: oneLine(each.id),
    detail: `${tokens(each.contextTokens)} context · ${price(each.price)}`,
    checked: each.id === chosen.id,
    testid: 'model-option',
    onChoose: () => setModel(each.id),
  }))}><bdi>${oneLine(chosen.id)}</bdi><${Icon} name="chevron" /></${Menu}>`;
}

const price = ({ currency, inputPerMillion, outputPerMillion }) =>
  `${money(inputPerMillion, currency)} in, ${money(outputPerMillion, currency)} out per million tokens`;
