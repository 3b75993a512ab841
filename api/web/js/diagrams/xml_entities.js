// What the diagram library takes of a package of its own: the characters that XML names. Pure.

const NAMED = { amp: '&', apos: "'", gt: '>', lt: '<', quot: '"' };
const MOST = 0x10ffff;

export const decodeXML = (text) => text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(amp|apos|gt|lt|quot));/gi, (whole, hex, decimal, name) => {
  if (name) return NAMED[name.toLowerCase()];
  const code = hex ? parseInt(hex, 16) : Number(decimal);
  return code <= MOST ? String.fromCodePoint(code) : whole;
});
