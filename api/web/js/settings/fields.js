// What the sections are made of: groups of fields, each with its name, its control and a word about it.

import { html } from '../ui/html.js';

export const Group = ({ title, children }) => html`<section class="settings-group">${title && html`<h3>${title}</h3>`}${children}</section>`;

/** A control with its label before it; `wide`: below it. `id` is the control's. */
export const Field = ({ id, label, hint, wide, children }) => html`<div class=${`field ${wide ? 'field-wide' : ''}`}>
  <div class="field-name"><label for=${id}>${label}</label>${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}</div>
  <div class="field-control">${children}</div>
</div>`;

/** One of a few, all in sight. `options`: [[value, name]]. */
export const Segments = ({ id, label, value, options, onChoose }) => html`<fieldset class="field">
  <legend class="visually-hidden">${label}</legend><span class="field-name" aria-hidden="true">${label}</span>
  <div class="segments">${options.map(([each, name]) => html`<label key=${each}><input type="radio" name=${id} value=${each} checked=${each === value} data-testid=${`${id}-${each}`}
    onChange=${() => onChoose(each)} /><span>${name}</span></label>`)}</div>
</fieldset>`;

/** One of many. */
export const Choice = ({ id, value, options, hint, onChoose }) => html`<select id=${id} data-testid=${id} aria-describedby=${hint ? `${id}-hint` : undefined} value=${value} onChange=${(event) => onChoose(event.target.value)}>
  ${options.map(([each, name]) => html`<option key=${each} value=${each} selected=${each === value}>${name}</option>`)}</select>`;

/** On or off. */
export const Switch = ({ id, on, disabled, hint, onChange }) => html`<input type="checkbox" role="switch" class="switch" id=${id} data-testid=${id} checked=${on} disabled=${disabled}
  aria-describedby=${hint ? `${id}-hint` : undefined} onChange=${(event) => onChange(event.target.checked)} />`;
