// The sections of the settings, in their order. One more is a line here and a module that exports `Section`.

/** `id` is in the address, `title` names a message. */
export const SECTIONS = [
  { id: 'general', title: 'settings.general', load: () => import('./general.js') },
  { id: 'prompts', title: 'settings.prompts', load: () => import('./prompts.js') },
  { id: 'data', title: 'settings.data', load: () => import('../move/section.js') },
  { id: 'account', title: 'settings.account', load: () => import('./account.js') },
  { id: 'keys', title: 'settings.keys', load: () => import('./keys.js') },
  { id: 'limits', title: 'limits.title', load: () => import('./limits.js') },
  { id: 'usage', title: 'settings.usage', load: () => import('./usage.js') },
];
