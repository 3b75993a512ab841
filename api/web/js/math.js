// Formulas: the library and its style sheet come with the first one.

const OPTIONS = { throwOnError: true, trust: false, maxExpand: 1000, maxSize: 20, strict: 'ignore' };
// Untrusted, the library sets these as a red text of their own.
const UNTRUSTED = /\\(?:href|url|includegraphics|html(?:Class|Id|Style|Data))(?![A-Za-z])/;
let loading;
let katex;

/** Sets the formulas below a node: at once where the library is there, else, for complete blocks, when it is. */
export function typesetIn(root, final) {
  const formulas = [...root.querySelectorAll('span.math')];
  if (formulas.length === 0) return;
  if (katex) {
    formulas.forEach(typeset);
  } else if (final) {
    loading ??= load();
    loading.then(() => formulas.forEach(typeset), (error) => {
      loading = undefined;
      console.warn('Formulas stay as they are written:', error.message);
    });
  }
}

async function load() {
  const style = document.createElement('link');
  style.rel = 'stylesheet';
  style.href = new URL('../vendor/katex/katex.min.css', import.meta.url).href;
  document.head.append(style);
  await import('../vendor/katex/katex.min.js');
  katex = globalThis.katex;
}

/** Ends when formulas that wait for the library are set. */
export const typesetting = () => Promise.resolve(loading).catch(() => {});

/** What is no formula stays as it is written: the library's own mark for it is a style attribute, which the policy forbids. */
function typeset(formula) {
  const written = formula.textContent;
  const marks = /^(?:\$\$|\\[[(])/.test(written) ? 2 : 1;
  if (UNTRUSTED.test(written)) return;
  try {
    katex.render(written.slice(marks, -marks), formula, { ...OPTIONS, displayMode: formula.dataset.display === 'block' });
  } catch (error) {
    formula.textContent = written;
    formula.title = error.message;
  }
}
