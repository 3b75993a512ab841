// Colours for code: the library with the first block, a language with the first block of it.

const LONGEST = 50_000;
const ALIASES = {
  'c++': 'cpp', 'c#': 'csharp', cc: 'cpp', cs: 'csharp', docker: 'dockerfile', golang: 'go', h: 'c', hpp: 'cpp',
  html: 'xml', js: 'javascript', jsonc: 'json', jsx: 'javascript', kt: 'kotlin', make: 'makefile', md: 'markdown',
  mjs: 'javascript', patch: 'diff', proto: 'protobuf', ps1: 'powershell', py: 'python', rb: 'ruby', rs: 'rust',
  console: 'shell', sh: 'bash', svg: 'xml', toml: 'ini', ts: 'typescript', tsx: 'typescript', yml: 'yaml', zsh: 'bash',
};
const KNOWN = new Set(
  ('bash c cpp csharp css diff dockerfile go graphql ini java javascript json kotlin lua makefile markdown nginx perl php ' +
    'powershell protobuf python r ruby rust scala scss shell sql swift typescript xml yaml').split(' '),
);
const loading = new Map();
let core;

/** Colours an element's text in place, once what that takes is loaded; leaves it as it is where the language is unknown. */
export async function highlight(code, language) {
  const name = ALIASES[language.toLowerCase()] ?? language.toLowerCase();
  if (!KNOWN.has(name) || code.textContent.length > LONGEST) return;
  try {
    const hljs = await loaded(name);
    const coloured = hljs.highlight(code.textContent, { language: name, ignoreIllegals: true });
    code.replaceChildren(...spans(coloured._emitter.rootNode.children));
  } catch (error) {
    console.warn('Code stays without colours:', error.message);
  }
}

function loaded(name) {
  core ??= import('../vendor/hljs/core.mjs').then((module) => module.default);
  if (!loading.has(name)) {
    const both = Promise.all([core, import(`../vendor/hljs/${name}.mjs`)]).then(([hljs, grammar]) => {
      hljs.registerLanguage(name, grammar.default);
      return hljs;
    });
    loading.set(name, both);
    both.catch(() => loading.delete(name));
  }
  return loading.get(name);
}

function* spans(nodes) {
  for (const node of nodes) {
    if (typeof node === 'string') {
      yield document.createTextNode(node);
    } else {
      const span = document.createElement('span');
      if (node.scope) span.className = classOf(node.scope);
      span.append(...spans(node.children));
      yield span;
    }
  }
}

/** `title.function` is `hljs-title function_`, as the library's own style sheets have it. */
function classOf(scope) {
  if (scope.startsWith('language:')) return scope.replace('language:', 'language-');
  return scope.split('.').map((part, depth) => (depth ? part + '_'.repeat(depth) : `hljs-${part}`)).join(' ');
}
