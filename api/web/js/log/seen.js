// Streams that only feed what is looked at: a browser has few connections to a server, and all its tabs share them.

const PATIENCE_MS = 20_000;

/** Calls `start()`, which returns how to stop; stops while the page is out of sight. Returns how to end it all. */
export function whileSeen(start) {
  let stop = start();
  let timer = 0;
  const look = () => {
    clearTimeout(timer);
    if (document.visibilityState === 'visible') stop ??= start();
    else timer = setTimeout(() => { stop?.(); stop = null; }, PATIENCE_MS);
  };
  document.addEventListener('visibilitychange', look);
  return () => {
    document.removeEventListener('visibilitychange', look);
    clearTimeout(timer);
    stop?.();
  };
}
