// A chart of the last minutes.

import { effect } from '../../vendor/signals.mjs';
import { clock, minute } from '../log/units.js';
import { dark } from '../preferences.js';
import { loadPlot, resolved } from '../plot.js';
import { html, useEffect, useRef, useState } from '../ui/html.js';
import { t } from '../words.js';
import { columns, newest } from './figures.js';

const HEIGHT_PX = 132;
const LEAST_WIDTH_PX = 120;
const FAR_S = 4;
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

/**
 * `series`: [{name, column, colour, fill}], colours as names of the page's custom properties; `seconds` back;
 * `format(value)`: for the axis and the reading under the pointer; `least`: up to what it goes at least; `whole`: only
 * whole numbers on its axis; `label`: what it is, for who does not see it.
 */
export function Chart({ label, ...shape }) {
  const element = useRef(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    // The element as it is now: by the time the library has come, it may be out of the page.
    const place = element.current;
    let gone = false;
    let end = () => {};
    loadPlot().then((UPlot) => {
      if (!gone && place?.isConnected) end = draw(UPlot, place, shape);
    }, () => gone || setFailed(true));
    return () => {
      gone = true;
      end();
    };
  }, [shape.seconds, dark.value]);
  return html`<div class="chart" ref=${element} role="img" aria-label=${label}>${failed && html`<p class="muted">${t('pulse.chart-missing')}</p>`}</div>`;
}

function draw(UPlot, element, { series, seconds, format, least, whole }) {
  const style = getComputedStyle(element);
  const colour = (name) => resolved(element, name);
  const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: `11px ${style.fontFamily}` };
  const wanted = series.map((each) => each.column);
  const chart = new UPlot({
    width: Math.max(LEAST_WIDTH_PX, element.clientWidth),
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    padding: [8, 22, 0, 0],
    scales: {
      x: { range: (_, from, to) => [to - seconds, to] },
      y: { range: (_, from, to) => [0, Math.max(to ?? 0, least) * 1.1] },
    },
    axes: [
      { ...axis, size: 24, space: 70, values: (_, all) => all.map((at) => (seconds <= 120 ? clock : minute)(at * 1000)) },
      { ...axis, size: 46, space: 32, ...(whole ? { incrs: WHOLE } : {}), values: (_, all) => all.map(format) },
    ],
    series: [{}, ...series.map((each) => ({
      label: each.name,
      stroke: colour(each.colour),
      fill: each.fill ? resolved(element, each.colour, 14) : undefined,
      width: 1.75,
      points: { show: false },
      spanGaps: false,
    }))],
    hooks: { setCursor: [(plot) => tell(plot, element, series, format)] },
  }, columns(wanted, seconds), element);
  const stop = effect(() => {
    if (newest.value) chart.setData(columns(wanted, seconds));
  });
  const watch = new ResizeObserver(() => chart.setSize({ width: Math.max(LEAST_WIDTH_PX, element.clientWidth), height: HEIGHT_PX }));
  watch.observe(element);
  return () => {
    watch.disconnect();
    stop();
    chart.destroy();
  };
}

/** What the chart says at the pointer. */
function tell(plot, element, series, format) {
  const { idx } = plot.cursor;
  const told = element.querySelector('.chart-told') ?? element.appendChild(Object.assign(document.createElement('p'), { className: 'chart-told' }));
  const at = idx === null || idx === undefined ? undefined : plot.data[0][idx];
  // Where there are no figures yet, those of another moment are not told.
  const near = at !== undefined && Math.abs(at - plot.posToVal(plot.cursor.left, 'x')) < FAR_S;
  told.hidden = !near;
  if (!near) return;
  const values = series.map(({ name }, number) => `${name} ${plot.data[number + 1][idx] === null ? '–' : format(plot.data[number + 1][idx])}`);
  told.textContent = `${clock(at * 1000)} · ${values.join(' · ')}`;
}
