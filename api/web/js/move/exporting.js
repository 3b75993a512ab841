// Exports: the server writes the file, the page fetches it to its end, and only then is it saved.

import { request } from '../api.js';

export const FORMATS = ['json', 'markdown', 'html'];
const HEAD = [0x50, 0x4b, 0x03, 0x04];

/** Fetches a file and saves it. `onProgress` gets {bytes, files, total}: of a zip how many files have begun, of how many. */
export async function save(path, { signal, onProgress = () => {} } = {}) {
  const answer = await request('GET', path, undefined, { signal });
  const total = Number(answer.headers.get('X-Verbatim-Total'));
  const reader = answer.body.getReader();
  const pieces = [];
  const files = new Heads();
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    bytes += value.byteLength;
    if (total) files.take(value);
    onProgress({ bytes, files: Math.min(files.count, total), total });
  }
  download(new Blob(pieces, { type: answer.headers.get('Content-Type') }), nameOf(answer));
}

export const pathOf = (conversationId, format) => `/api/v1${conversationId ? `/conversations/${conversationId}` : ''}/export?format=${format}`;

/** Counts the entries of a zip as its bytes come. */
class Heads {
  constructor() {
    Object.assign(this, { count: 0, matched: 0 });
  }

  take(bytes) {
    for (let at = 0; at < bytes.length; at += 1) {
      this.matched = bytes[at] === HEAD[this.matched] ? this.matched + 1 : bytes[at] === HEAD[0] ? 1 : 0;
      if (this.matched === HEAD.length) {
        this.count += 1;
        this.matched = 0;
      }
    }
  }
}

function nameOf(answer) {
  const name = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get('Content-Disposition') ?? '')?.[1];
  return name ? decodeURIComponent(name) : 'verbatim';
}

function download(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
