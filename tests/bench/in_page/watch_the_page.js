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
      scripts: performance.getEntriesByType('resource')
        .filter(({ name }) => /\.m?js$/.test(name)).reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
    }),
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
