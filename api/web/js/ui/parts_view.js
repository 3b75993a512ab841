// The parts of an answer, or of a prompt, below each other. Loaded with the first that are more than one text.

import { renderOnce } from '../markdown.js';
import { BlockStreamer } from '../stream.js';
import { styled as withStyle } from '../log/stylesheet.js';
import { t } from '../words.js';
import { cardOf } from './part_cards.js';

export const styled = withStyle('parts.css');

export class PartsView {
  /** Fills `container`. `answer`: {id, parts} of the answer that they are of; null: of something else. */
  constructor(container, answer = null, onShown = () => {}) {
    Object.assign(this, { container, answer, onShown, part: null, shown: null });
    container.replaceChildren();
  }

  grow(part, delta) {
    if (part !== this.part) {
      this.shown?.end();
      this.part = part;
      this.shown = isText(part) ? new BlockStreamer(this.place(part), this.onShown) : this.card(part, false);
    }
    this.shown.push(delta);
  }

  end() {
    this.shown?.end();
  }

  close() {
    this.shown?.close();
  }

  /** Shows parts that are whole. */
  whole(parts) {
    for (const part of parts) {
      if (isText(part)) {
        this.place(part).append(renderOnce(part.text));
      } else {
        const card = this.card(part, true);
        card.push(part.text);
        card.end();
      }
    }
  }

  card(part, whole) {
    return cardOf(part, { place: this.place(part), whole, answer: this.answer, onShown: this.onShown });
  }

  place(part) {
    const made = document.createElement('div');
    if (isText(part)) made.className = `prose ${part.kind}-part`;
    if (part.kind === 'refusal') {
      const mark = document.createElement('p');
      mark.className = 'note refusal-mark';
      mark.textContent = t('part.declined');
      this.container.append(mark);
    }
    this.container.append(made);
    return made;
  }
}

/** In a prompt, a text in another role is a card. */
const isText = ({ kind, role }) => kind === 'refusal' || (kind === 'text' && !role);
