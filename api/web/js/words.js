// The words of the page, by language. English is always there: what another language lacks is shown in it.
//
// words/LANGUAGE/page.js holds what the first load needs, words/LANGUAGE/more.js the rest. A message is a text with
// {names}, or one text per plural category of `count` ({one, other, …}).

import english from '../words/en/page.js';

/** What can be chosen; each language's own name for itself. */
export const LANGUAGES = { en: 'English', de: 'Deutsch', es: 'Español', fr: 'Français', ar: 'العربية', zh: '简体中文' };
const RIGHT_TO_LEFT = new Set(['ar']);

/** The language of the page: the one that was chosen, else the first of the browser's that there is. */
export const language = chosen() ?? navigator.languages.map((each) => each.split('-')[0]).find((each) => each in LANGUAGES) ?? 'en';

const own = [];
const fallback = [english];
const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);

function chosen() {
  try {
    const name = localStorage.getItem('verbatim.language');
    return name in LANGUAGES ? name : null;
  } catch {
    return null;
  }
}

const takeTo = (layers) => (module) => layers.push(module.default);

/** Loads the first words of the language, before anything is shown. What cannot be loaded is shown in English. */
export async function firstWords() {
  document.documentElement.lang = language;
  document.documentElement.dir = RIGHT_TO_LEFT.has(language) ? 'rtl' : 'ltr';
  if (language !== 'en') await import(`../words/${language}/page.js`).then(takeTo(own), () => {});
}

let more;
/** Loads the words of everything that is loaded later. */
export const moreWords = () =>
  (more ??= Promise.allSettled([import('../words/en/more.js').then(takeTo(fallback)), ...(language === 'en' ? [] : [import(`../words/${language}/more.js`).then(takeTo(own))])]));

/** A module that is loaded when it is first needed, once its words are there. */
export const withWords = async (loading) => {
  const [module] = await Promise.all([loading, moreWords()]);
  return module;
};

const lookUp = (id) => [...own, ...fallback].find((each) => id in each)?.[id];

function message(id, values) {
  const found = lookUp(id) ?? id;
  return typeof found === 'string' ? found : (found[plurals.select(values.count)] ?? found.other);
}
const shown = (value) => (typeof value === 'number' ? numbers.format(value) : value);

/** The text of a message. Numbers among the values are written as the language writes them. */
export const t = (id, values = {}) => message(id, values).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? shown(values[name]) : whole));

/** The text of a message whose id is made of what a server says; `otherwise` where there is none of that id. */
export const tOr = (id, otherwise, values) => (lookUp(id) === undefined ? otherwise : t(id, values));

/** The same as pieces, for values that are elements: `${tt('key', {link: html`<a …>`})}`. */
export const tt = (id, values) => message(id, values).split(/(\{\w+\})/).map((piece) => {
  const name = /^\{(\w+)\}$/.exec(piece)?.[1];
  return name in values ? shown(values[name]) : piece;
});
