/**
 * Hashes the prompt block by block, each block's hash covering all before it, as vLLM's prefix cache names its
 * blocks. Returns how many whole blocks were written to `hashes`, at most as many as fit there.
 *
 * The hash is MurmurHash3's 32-bit body with the hash of the block before as seed: what collides costs a worse pick
 * once, and nothing else.
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
  let hash = seed | 0;
  let at = 0;
  for (let block = 0; block < count; block++) {
    for (const end = at + blockBytes; at < end; at += 4) {
      let word =
        (prompt[at] as number) |
        ((prompt[at + 1] as number) << 8) |
        ((prompt[at + 2] as number) << 16) |
        ((prompt[at + 3] as number) << 24);
      word = Math.imul(word, 0xcc9e2d51);
      word = Math.imul((word << 15) | (word >>> 17), 0x1b873593);
      hash ^= word;
      hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
    }
    hash = mix(hash);
    hashes[block] = hash;
  }
  return count;
}

/** Seed of a prompt's hashes: other models and adapters keep other KV blocks for the same text. */
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
