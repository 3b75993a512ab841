// Files that are pasted or dropped: text files are taken as pasted texts, others cannot be attached yet.

import { complain } from '../state.js';
import { oneLine } from '../text.js';
import { t } from '../words.js';

const MAX_BYTES = 1_000_000;
const MAX_FILES = 10;

/** The texts of those that are texts; what cannot be taken is said. */
export async function textsOf(files) {
  const read = await Promise.all([...files].slice(0, MAX_FILES).map(textOf));
  if (read.includes(null) || files.length > MAX_FILES) complain(t('files.not-yet', { size: MAX_BYTES / 1_000_000 }));
  return read.filter(Boolean);
}

async function textOf(file) {
  if (file.size > MAX_BYTES) return null;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
    return text.includes('\0') ? null : `${oneLine(file.name)}:\n\n${text}`;
  } catch {
    return null; // no text, or a folder
  }
}
