// Which model answers next, what it is, what it costs and how much it can hold.

import { money, short } from '../format.js';
import { models } from '../state.js';
import { oneLine } from '../text.js';
import { t } from '../words.js';
import { html, Icon } from './html.js';
import { Menu } from './menu.js';

export const modelOr = (id) => models.value.find((each) => each.id === id) ?? models.value.find((each) => each.default) ?? models.value[0] ?? null;

export function ModelPicker({ model, setModel }) {
  const chosen = modelOr(model);
  if (!chosen) return html`<span />`;
  const offered = models.value.filter((each) => each.listed !== false || each.id === chosen.id);
  return html`<${Menu} label=${t('model.choose', { name: chosen.id })} testid="model-picker" className="model-menu" up radio items=${offered.map((each) => ({
    label: oneLine(each.id),
    detail: html`${each.description && html`<bdi>${oneLine(each.description)}</bdi>`}<span>${detailOf(each)}</span>`,
    checked: each.id === chosen.id,
    testid: 'model-option',
    onChoose: () => setModel(each.id),
  }))}><bdi>${oneLine(chosen.id)}</bdi><${Icon} name="chevron" /></${Menu}>`;
}

function detailOf({ contextTokens, price: { currency, inputPerMillion, outputPerMillion } }) {
  const context = short(contextTokens);
  if (!inputPerMillion && !outputPerMillion) return t('model.free', { context });
  return t('model.detail', { context, input: money(inputPerMillion, currency), output: money(outputPerMillion, currency) });
}
