// Style sheets of the parts that are loaded when they are opened.

const wanted = new Map();

/** Resolves when the sheet of css/ applies. One that does not come costs only its looks. */
export function styled(name) {
  if (!wanted.has(name)) {
    wanted.set(name, new Promise((resolve) => {
      const link = document.createElement('link');
      link.rel = 'stylesheet';
      link.href = new URL(`../../css/${name}`, import.meta.url).href;
      link.onload = link.onerror = resolve;
      document.head.append(link);
    }));
  }
  return wanted.get(name);
}
