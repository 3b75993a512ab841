import { render } from '../vendor/preact.mjs';
import { whoAmI } from './signing.js';
import { session } from './state.js';
import { html } from './ui/html.js';
import { whenIdle } from './ui/later.js';
import { listenEverywhere, Shell } from './ui/shell.js';
import { firstWords } from './words.js';

await firstWords();
document.documentElement.dataset.ready = '';
render(html`<${Shell} />`, document.getElementById('app'));
listenEverywhere();
whoAmI();
import('./settings/keeping.js').then(({ followServer }) => followServer(), () => {});
// A browser without it, or an address where it is not allowed, has the page with a network only.
navigator.serviceWorker?.register('/sw.js', { updateViaCache: 'none' }).catch(() => {});
whenIdle();
session.subscribe((who) => who && follow());

/** What changes elsewhere is told from here on. */
function follow() {
  import('./following/all.js').catch(() => setTimeout(follow, 10_000));
}
