// The plot of usage: one pile a day, one colour a model.

import { loadPlot, resolved } from '../plot.js';
import { dark } from '../preferences.js';
import { oneLine } from '../text.js';
import { html, useEffect, useRef, useState } from '../ui/html.js';
import { language, t } from '../words.js';

const HEIGHT_PX = 190;
const LEAST_WIDTH_PX = 160;
const BAR = [0.72, 44];
const DATE_PX = 64;
const days = new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', timeZone: 'UTC' });
const colourOf = (name, at) => (name === null ? '--muted' : `--usage-${at + 1}`);
const nameOf = (name) => (name === null ? t('usage.others') : oneLine(name));

/** `label`: what it is, for who does not see it: the figures are in the tables. */
export function UsagePlot({ dates, piled, format, label }) {
  const element = useRef(null);
  const [failed, setFailed] = useState(false);
  const [told, setTold] = useState(null);
  useEffect(() => {
    // The element as it is now: by the time the library has come, it may be out of the page.
    const place = element.current;
    let gone = false;
    let end = () => {};
    loadPlot().then((UPlot) => {
      if (!gone && place?.isConnected) end = draw(UPlot, place, { dates, piled, format, setTold });
    }, () => gone || setFailed(true));
    return () => {
      gone = true;
      end();
    };
  }, [dates, piled, dark.value]);
  const at = told ?? null;
  return html`<figure class="usage-plot"><div class="plot" ref=${element} role="img" aria-label=${label} data-testid="usage-plot">${failed && html`<p class="muted">${t('usage.plot.failed')}</p>`}</div>
    <figcaption aria-hidden="true">${at !== null && html`<span class="told">${days.format(noonOf(dates[at]) * 1000)}</span>`}
      ${piled.names.map((name, number) => html`<span key=${name ?? ''} class="key"><i style=${{ background: `var(${colourOf(name, number)})` }} /><bdi>${nameOf(name)}</bdi>${at !== null && html` <b>${format(piled.values[number][at])}</b>`}</span>`)}</figcaption></figure>`;
}

const noonOf = (date) => Date.parse(`${date}T12:00:00Z`) / 1000;

function draw(UPlot, element, { dates, piled, format, setTold }) {
  const style = getComputedStyle(element);
  const axis = { stroke: resolved(element, '--muted'), grid: { stroke: resolved(element, '--line'), width: 1 }, ticks: { show: false }, font: `11px ${style.fontFamily}` };
  const bars = UPlot.paths.bars({ size: BAR });
  // The highest pile first: each is drawn over from below.
  const order = piled.names.map((_, at) => at).reverse();
  const half = 43_200;
  const noons = dates.map(noonOf);
  /** A date below as many of the piles as there is room for, the last one among them. */
  const dated = (plot) => {
    const step = Math.ceil(noons.length / Math.max(1, Math.floor(plot.bbox.width / devicePixelRatio / DATE_PX)));
    return noons.filter((_, at) => (noons.length - 1 - at) % step === 0);
  };
  const plot = new UPlot({
    width: Math.max(LEAST_WIDTH_PX, element.clientWidth),
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    padding: [8, 20, 0, 0],
    scales: {
      x: { range: (_, from, to) => [from - half, to + half] },
      y: { range: (_, from, to) => [0, (to || 1) * 1.08] },
    },
    axes: [
      { ...axis, size: 24, grid: { show: false }, splits: dated, values: (_, all) => all.map((at) => days.format(at * 1000)) },
      { ...axis, size: 62, space: 36, values: (_, all) => all.map(format) },
    ],
    series: [{}, ...order.map((at) => ({ fill: resolved(element, colourOf(piled.names[at], at)), width: 0, paths: bars, points: { show: false } }))],
    hooks: { setCursor: [({ cursor }) => setTold(cursor.idx ?? null)] },
  }, [noons, ...order.map((at) => piled.piles[at])], element);
  const watch = new ResizeObserver(() => plot.setSize({ width: Math.max(LEAST_WIDTH_PX, element.clientWidth), height: HEIGHT_PX }));
  watch.observe(element);
  return () => {
    watch.disconnect();
    plot.destroy();
  };
}
