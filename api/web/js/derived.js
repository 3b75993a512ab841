// Ids that the server derives from a key, derived here by the same rule (schemas/ids.py): the address of a new chat and
// the id of an answer are known before the server has heard of them.

const NAMESPACE = '92852abddf045422908d4f355b5cc3b8';
const SEPARATOR = '\x1f';

/** The conversation that POST /api/v1/conversations makes under a key. */
export const conversationIdOf = (userId, key) => derived('conversation', userId, `POST /api/v1/conversations\n${key}`);
/** The prompt that a command makes. */
export const promptIdOf = (userId, conversationId, key) => derived('message', userId, conversationId, key);
/** The answer that a command causes. */
export const answerIdOf = (userId, conversationId, key) => derived('generation', promptIdOf(userId, conversationId, key));

const escaped = (part) => part.replaceAll('\\', '\\\\').replaceAll(SEPARATOR, '\\u');
const derived = (kind, ...parts) => uuid5([kind, ...parts.map(escaped)].join(SEPARATOR));

function uuid5(name) {
  const space = NAMESPACE.match(/../g).map((byte) => parseInt(byte, 16));
  const made = sha1([...space, ...new TextEncoder().encode(name)]).slice(0, 16);
  made[6] = (made[6] & 0x0f) | 0x50;
  made[8] = (made[8] & 0x3f) | 0x80;
  const hex = made.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const turned = (word, by) => (word << by) | (word >>> (32 - by));

// crypto.subtle has it too, but not where the page comes over plain http, and not at once.
function sha1(bytes) {
  const words = new Int32Array((((bytes.length + 8) >> 6) + 1) * 16);
  bytes.forEach((byte, at) => (words[at >> 2] |= byte << (24 - (at % 4) * 8)));
  words[bytes.length >> 2] |= 0x80 << (24 - (bytes.length % 4) * 8);
  words[words.length - 1] = bytes.length * 8;
  const sums = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  const round = new Int32Array(80);
  for (let from = 0; from < words.length; from += 16) {
    let [a, b, c, d, e] = sums;
    for (let at = 0; at < 80; at += 1) {
      round[at] = at < 16 ? words[from + at] : turned(round[at - 3] ^ round[at - 8] ^ round[at - 14] ^ round[at - 16], 1);
      const [mixed, constant] = at < 20 ? [(b & c) | (~b & d), 0x5a827999] : at < 40 ? [b ^ c ^ d, 0x6ed9eba1] : at < 60 ? [(b & c) | (b & d) | (c & d), 0x8f1bbcdc] : [b ^ c ^ d, 0xca62c1d6];
      [a, b, c, d, e] = [(turned(a, 5) + mixed + e + constant + round[at]) | 0, a, turned(b, 30), c, d];
    }
    [a, b, c, d, e].forEach((word, at) => (sums[at] = (sums[at] + word) | 0));
  }
  return sums.flatMap((word) => [24, 16, 8, 0].map((by) => (word >>> by) & 0xff));
}
