// What usage comes to: by model, in all, and piled up by day for the plot. Pure.
//
// A row is {date, model, promptTokens, completionTokens, generations, cost, currency}; a cost may be null.

export const MAX_SHOWN_MODELS = 5;
const DAY_MS = 86_400_000;

/** The dates of the last days, as rows name them (UTC), the oldest first. */
export const datesOf = (days, now = Date.now()) => Array.from({ length: days }, (_, at) => new Date(now - (days - 1 - at) * DAY_MS).toISOString().slice(0, 10));

const tokensOf = ({ promptTokens, completionTokens }) => promptTokens + completionTokens;
export const currenciesOf = (rows) => [...new Set(rows.filter(({ cost }) => Number(cost) > 0).map(({ currency }) => currency))].sort();

/** {promptTokens, completionTokens, generations, costs: [[currency, amount]]} of some rows. */
export function sumOf(rows) {
  const costs = new Map();
  const sum = { promptTokens: 0, completionTokens: 0, generations: 0 };
  for (const row of rows) {
    for (const name of Object.keys(sum)) sum[name] += row[name];
    if (Number(row.cost) > 0) costs.set(row.currency, (costs.get(row.currency) ?? 0) + Number(row.cost));
  }
  return { ...sum, costs: [...costs].sort(([one], [other]) => (one < other ? -1 : 1)) };
}

/** [{model, …sum}], those with the most tokens first. */
export function byModel(rows) {
  const models = new Map();
  for (const row of rows) models.set(row.model, [...(models.get(row.model) ?? []), row]);
  return [...models].map(([model, own]) => ({ model, ...sumOf(own) })).sort((one, other) => tokensOf(other) - tokensOf(one) || (one.model < other.model ? -1 : 1));
}

/** How much of a measure a row has: 'tokens', or the cost in a currency. */
const measured = (row, measure) => (measure === 'tokens' ? tokensOf(row) : row.currency === measure ? Number(row.cost ?? 0) : 0);

/**
 * The piles of each day: {names, values: one list by name, piles: the same added up from below}. The models with the
 * most come first; those that are too many are together in the last name, null.
 */
export function pilesOf(rows, dates, measure) {
  const all = new Map();
  for (const row of rows) all.set(row.model, (all.get(row.model) ?? 0) + measured(row, measure));
  const sorted = [...all].filter(([, amount]) => amount > 0).sort((one, other) => other[1] - one[1]).map(([model]) => model);
  const names = sorted.length > MAX_SHOWN_MODELS + 1 ? [...sorted.slice(0, MAX_SHOWN_MODELS), null] : sorted;
  const place = new Map(dates.map((date, at) => [date, at]));
  const values = names.map(() => dates.map(() => 0));
  for (const row of rows) {
    const at = place.get(row.date);
    const named = names.indexOf(row.model);
    const list = values[named < 0 ? names.indexOf(null) : named];
    if (at !== undefined && list) list[at] += measured(row, measure);
  }
  const piles = [];
  for (const list of values) piles.push(list.map((value, at) => value + (piles.at(-1)?.[at] ?? 0)));
  return { names, values, piles };
}
