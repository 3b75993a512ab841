// Notes frames, long tasks and when the page can be used. Runs before the page's own scripts.
(() => {
  const tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries())).observe({ type: 'longtask', buffered: true });
  let ready = 0;
  const look = () => {
    if (document.querySelector('[data-testid=composer]')) ready = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  // What the page names itself, before any of its scripts adds to that.
  let named = new Set();
  document.addEventListener('readystatechange', () => {
    named = new Set([...document.querySelectorAll('head link[href], head script[src]')].map(({ href, src }) => href || src));
  }, { once: true });
  let frames = [];
  let running = false;
  const frame = (now) => {
    frames.push(now);
    if (running) requestAnimationFrame(frame);
  };
  window.watched = {
    opened: () => ({
      paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
      ready: Math.max(ready, ...tasks.map((task) => task.startTime + task.duration)),
    }),
    // Resolves once nothing has been fetched for a while. The stream of changes is fetched as long as the page is there.
    settled: (quietMs) => new Promise((resolve) => {
      let timer = setTimeout(resolve, quietMs);
      new PerformanceObserver(() => {
        clearTimeout(timer);
        timer = setTimeout(resolve, quietMs);
      }).observe({ type: 'resource' });
    }),
    // What was fetched, in bytes as they came: what the page names itself and so waits for, and what it fetches later.
    fetched: () => {
      const all = performance.getEntriesByType('resource').filter(({ name }) => name.startsWith(`${location.origin}/static/`));
      const bytes = (some) => some.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
      const first = all.filter(({ name }) => named.has(name));
      return {
        scripts: bytes(first.filter(({ name }) => /\.m?js$/.test(name))),
        styles: bytes(first.filter(({ name }) => name.endsWith('.css'))),
        page: bytes(performance.getEntriesByType('navigation')),
        later: bytes(all.filter(({ name }) => !named.has(name))),
      };
    },
    begin: () => {
      frames = [];
      tasks.length = 0;
      running = true;
      requestAnimationFrame(frame);
    },
    // Resolves once the newest answer is complete. Waiting from outside would look through the page again and again.
    completed: () => new Promise((resolve) => {
      const look = () => {
        const answer = [...document.querySelectorAll('[data-testid=message][data-role=assistant]')].at(-1);
        if (answer?.dataset.status !== 'completed') return false;
        watch.disconnect();
        resolve();
        return true;
      };
      const watch = new MutationObserver(look);
      if (!look()) watch.observe(document.body, { subtree: true, attributeFilter: ['data-status'] });
    }),
    end: () => {
      running = false;
      const gaps = frames.slice(1).map((at, n) => at - frames[n]).sort((a, b) => a - b);
      return {
        framesPerS: (1000 * gaps.length) / (frames.at(-1) - frames[0]),
        p99Ms: gaps[Math.floor(gaps.length * 0.99)],
        worstMs: gaps.at(-1),
        longTasks: tasks.length,
        longTasksMs: tasks.reduce((sum, { duration }) => sum + duration, 0),
      };
    },
  };
})();
