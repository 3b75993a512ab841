// What every plot needs: the library with its style sheet, loaded with the first one, and the page's colours on a canvas.

let loading;

/** The constructor of plots. One that could not be loaded is tried again with the next plot. */
export function loadPlot() {
  loading ??= Promise.all([
    import('../vendor/uplot.mjs'),
    new Promise((resolve) => {
      const link = document.createElement('link');
      link.rel = 'stylesheet';
      link.href = new URL('../vendor/uplot.css', import.meta.url).href;
      link.onload = link.onerror = resolve;
      document.head.append(link);
    }),
  ]).then(([module]) => module.default);
  loading.catch(() => (loading = undefined));
  return loading;
}

/** A custom property as a colour that a canvas understands; `percent` of it over nothing. */
export function resolved(element, name, percent = 100) {
  const probe = document.createElement('i');
  probe.style.color = `color-mix(in srgb, var(${name}) ${percent}%, transparent)`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
