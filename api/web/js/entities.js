// Named characters of HTML (`&copy;`), as the browser knows them: the table of them is a tenth of the first load.

const known = new Map();
const parser = new DOMParser();

/** `&name;` as its character; as it is where there is none of the name. */
export function decodeNamed(entity) {
  if (!known.has(entity)) known.set(entity, parser.parseFromString(`x${entity}`, 'text/html').body.textContent.slice(1));
  return known.get(entity);
}
