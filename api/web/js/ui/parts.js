// Parts of the page that are loaded when they are opened.

export const PARTS = { log: true, pulse: true };
