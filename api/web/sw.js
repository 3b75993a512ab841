// The service worker: the page opens without a network too. It keeps the files of one version, its own: those that the
// page names, from when it was installed, and others once they were asked for. Files of another version it leaves alone,
// and what the API says it never sees.
//
// A new version waits until no tab is left that the old one looks after: a tab keeps all files of its version.

const VERSION = '{{static}}/';
const CACHE = `verbatim ${VERSION}`;
const PAGE = '/';
const PAGES = /^\/(?:$|c\/|(?:settings|admin)(?:\/|$)|pulse$|signin$)/;
const AWAY = [502, 503, 504];

addEventListener('install', (event) => event.waitUntil(install()));
addEventListener('activate', (event) => event.waitUntil(activate()));
addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin) return;
  if (request.mode === 'navigate' && PAGES.test(pathname)) event.respondWith(page(event));
  else if (pathname.startsWith(VERSION)) event.respondWith(file(event, pathname));
});

/** All files that the page needs at first, or nothing. */
async function install() {
  const answer = await fetch(PAGE, { cache: 'no-store' });
  const named = new Set([...(await answer.clone().text()).matchAll(/"(\/static\/[^"]+)"/g)].map(([, address]) => address));
  if (!answer.ok || named.size === 0 || ![...named].every((address) => address.startsWith(VERSION))) throw new Error('The server has another version now.');
  const cache = await caches.open(CACHE);
  await cache.addAll([...named]);
  await cache.put(PAGE, answer);
}

/** No tab of an earlier version is left. */
async function activate() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
  await registration.navigationPreload?.enable();
}

/** The server's page, whichever version that is; ours, if it is away. */
async function page(event) {
  try {
    const answer = (await event.preloadResponse) ?? (await fetch(event.request));
    if (!AWAY.includes(answer.status)) return answer;
  } catch {
    // There is no network, or no server.
  }
  return (await kept(PAGE)) ?? Response.error();
}

async function file(event, pathname) {
  const known = await kept(pathname);
  if (known) return known;
  const answer = await fetch(event.request);
  if (answer.ok) {
    const copy = answer.clone();
    event.waitUntil(caches.open(CACHE).then((cache) => cache.put(pathname, copy)));
  }
  return answer;
}

const kept = (pathname) => caches.match(pathname, { cacheName: CACHE, ignoreVary: true });

addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data));
});

/** The tab that shows this address, else any one, which then goes there, else a new one. */
async function show(path) {
  const tabs = await clients.matchAll({ type: 'window', includeUncontrolled: true });
  const tab = tabs.find(({ url }) => new URL(url).pathname === path) ?? tabs[0];
  if (!tab) return clients.openWindow(path);
  const shown = await tab.focus();
  shown.postMessage({ show: path });
}
