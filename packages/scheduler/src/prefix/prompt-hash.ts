const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;

/**
 * Hashes the prompt block by block. Each hash also covers all blocks before it, as in vLLM's prefix cache. Returns the
 * number of whole blocks written to `hashes`, limited by its length.
 *
 * The rounds are those of xxHash32 on four independent words at a time, so that the CPU can run them in parallel. The
 * hash of the previous block is the seed. A collision only makes one pick worse.
 *
 * @param blockBytes a multiple of 4
 */
export function hashPrompt(
  prompt: Uint8Array,
  seed: number,
  blockBytes: number,
  hashes: Int32Array,
): number {
  const count = Math.min(Math.floor(prompt.length / blockBytes), hashes.length);
  const words = new DataView(prompt.buffer, prompt.byteOffset, prompt.length);
  let hash = seed | 0;
  let at = 0;
  for (let block = 0; block < count; block++) {
    const end = at + blockBytes;
    let a = (hash + prime1 + prime2) | 0;
    let b = (hash + prime2) | 0;
    let c = hash;
    let d = (hash - prime1) | 0;
    for (; at + 16 <= end; at += 16) {
      a = round(a, words.getInt32(at, true));
      b = round(b, words.getInt32(at + 4, true));
      c = round(c, words.getInt32(at + 8, true));
      d = round(d, words.getInt32(at + 12, true));
    }
    hash = (rotateLeft(a, 1) + rotateLeft(b, 7) + rotateLeft(c, 12) + rotateLeft(d, 18)) | 0;
    for (; at < end; at += 4) hash = round(hash ^ prime3, words.getInt32(at, true));
    hash = mix(hash);
    hashes[block] = hash;
  }
  return count;
}

function round(lane: number, word: number): number {
  return Math.imul(rotateLeft((lane + Math.imul(word, prime2)) | 0, 13), prime1);
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/**
 * Hashes a text, such as a model name, into a seed. Different models and adapters have different KV blocks for the same
 * prompt.
 */
export function hashText(text: string, seed: number): number {
  let hash = seed | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** MurmurHash3's finalizer: every bit of the input changes half of the output's. */
function mix(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
