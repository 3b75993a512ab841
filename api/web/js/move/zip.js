// Reads zip files where they lie: the directory at the end first, then only the entries that are wanted. Pure but for
// the file.

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const MAX_COMMENT = 65_535;
const MAX_DIRECTORY = 64 * 1024 * 1024;
const STORED = 0;
const DEFLATED = 8;
const PIECE = 64 * 1024;
const PATIENCE_MS = 500;

export class Damaged extends Error {}

const viewOf = async (file, from, to) => new DataView(await file.slice(from, to).arrayBuffer());
const nameOf = (view, from, length) => new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + from, length));

/** Whether a file begins as a zip does. */
export async function isZip(file) {
  const view = await viewOf(file, 0, 4);
  return view.byteLength === 4 && [LOCAL, END].includes(view.getUint32(0, true));
}

/** Its entries: {name, size, method, packed, at}; `at` is where the entry's own head stands. Raises Damaged. */
export async function entriesOf(file) {
  const { at, length, count } = await directoryOf(file);
  if (at < 0 || length > MAX_DIRECTORY || at + length > file.size) throw new Damaged();
  const view = await viewOf(file, at, at + length);
  const entries = [];
  for (let from = 0; entries.length < count; ) {
    if (from + 46 > view.byteLength || view.getUint32(from, true) !== ENTRY) throw new Damaged();
    const [names, extras, comments] = [28, 30, 32].map((place) => view.getUint16(from + place, true));
    if (from + 46 + names + extras > view.byteLength) throw new Damaged();
    const entry = {
      name: nameOf(view, from + 46, names), encrypted: (view.getUint16(from + 8, true) & 1) === 1,
      method: view.getUint16(from + 10, true), packed: view.getUint32(from + 20, true), size: view.getUint32(from + 24, true), at: view.getUint32(from + 42, true),
    };
    widen(entry, view, from + 46 + names, extras);
    entries.push(entry);
    from += 46 + names + extras + comments;
  }
  return entries;
}

async function directoryOf(file) {
  const from = Math.max(0, file.size - MAX_COMMENT - 22);
  const view = await viewOf(file, from, file.size);
  for (let place = view.byteLength - 22; place >= 0; place -= 1) {
    if (view.getUint32(place, true) !== END) continue;
    const found = { count: view.getUint16(place + 10, true), length: view.getUint32(place + 12, true), at: view.getUint32(place + 16, true) };
    const large = found.count === 0xffff || found.at === 0xffffffff;
    if (!large || place < 20 || view.getUint32(place - 20, true) !== LOCATOR_64) return found;
    const wide = await viewOf(file, Number(view.getBigUint64(place - 12, true)), Number(view.getBigUint64(place - 12, true)) + 56);
    if (wide.byteLength < 56 || wide.getUint32(0, true) !== END_64) throw new Damaged();
    return { count: Number(wide.getBigUint64(32, true)), length: Number(wide.getBigUint64(40, true)), at: Number(wide.getBigUint64(48, true)) };
  }
  throw new Damaged();
}

/** Numbers that do not fit into 32 bits stand in an extra field, in this order. */
function widen(entry, view, from, length) {
  for (let at = from; at + 4 <= from + length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    const end = at + 4 + view.getUint16(at + 2, true);
    let place = at + 4;
    for (const name of ['size', 'packed', 'at']) {
      if (entry[name] !== 0xffffffff || place + 8 > end || place + 8 > view.byteLength) continue;
      entry[name] = Number(view.getBigUint64(place, true));
      place += 8;
    }
  }
}

/** The bytes of an entry, in pieces. Raises Damaged where they are not what they should be, behind all that were right. */
export async function* piecesOf(file, entry) {
  const head = await viewOf(file, entry.at, entry.at + 30);
  if (head.byteLength < 30 || head.getUint32(0, true) !== LOCAL || entry.encrypted) throw new Damaged();
  const from = entry.at + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const packed = file.slice(from, from + entry.packed);
  if (entry.method === STORED) yield* packed.stream();
  else if (entry.method === DEFLATED) yield* inflated(packed, entry.cut);
  else throw new Damaged();
}

/**
 * What deflated bytes hold. They are given in pieces, for an error throws away what waits in a stream. Of bytes that are
 * `cut` the end, which will be an error, is told only when nothing has come of them for a while.
 */
async function* inflated(packed, cut) {
  const stream = new DecompressionStream('deflate-raw');
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const read = () => reader.read().catch(() => ({ broken: true }));
  let coming = read();
  try {
    for (let from = 0; from < packed.size; from += PIECE) {
      const piece = new Uint8Array(await packed.slice(from, from + PIECE).arrayBuffer());
      const given = writer.write(piece).then(() => GIVEN, () => GIVEN);
      for (let found; (found = await Promise.race([coming, given])) !== GIVEN; coming = read()) {
        if (found.broken) throw new Damaged();
        if (found.done) return;
        yield found.value;
      }
    }
    for (let found; cut && (found = await Promise.race([coming, moment()])) !== GIVEN; coming = read()) {
      if (found.broken) throw new Damaged();
      if (found.done) return;
      yield found.value;
    }
    writer.close().catch(() => {});
    for (let found; !(found = await coming).done; coming = read()) {
      if (found.broken) throw new Damaged();
      yield found.value;
    }
  } finally {
    writer.abort().catch(() => {});
    reader.cancel().catch(() => {});
  }
}

const GIVEN = Symbol('given');
const moment = () => new Promise((resolve) => setTimeout(() => resolve(GIVEN), PATIENCE_MS));

/** Of a zip without its end: the first entry, for as far as it goes. Null where there is none. */
export async function firstOf(file) {
  const head = await viewOf(file, 0, 30);
  if (head.byteLength < 30 || head.getUint32(0, true) !== LOCAL) return null;
  const name = await viewOf(file, 30, 30 + head.getUint16(26, true));
  return { name: nameOf(name, 0, name.byteLength), encrypted: (head.getUint16(6, true) & 1) === 1, method: head.getUint16(8, true), packed: file.size, size: 0, at: 0, cut: true };
}
