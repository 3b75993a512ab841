// The icons of what is loaded later.

import { PATHS } from './html.js';

Object.assign(PATHS, {
  print: 'M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z',
  slash: 'M5 4h14v16H5zM14 8l-4 8',
  compare: 'M4 5h7v14H4zM13 5h7v14h-7z',
  temporary: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l3 2',
  pin: 'M9 4h6l-1 6 3 3v2H7v-2l3-3zM12 15v6',
  folder: 'M3 6h6l2 2h10v11H3z',
  archive: 'M4 5h16v4H4zM5 9v10h14V9M10 13h4',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  download: 'M12 4v11M7 10l5 5 5-5M5 20h14',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5.500M12 7.500h.01',
});
