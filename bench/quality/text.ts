import type { Random } from "./random.ts";

/** Prompts are made of bytes that mean nothing; what counts is which of them begin alike. */
export const bytesPerToken = 4;

/** This many tokens that no other text has. */
export function newText(random: Random, tokens: number): Uint8Array {
  const words = new Int32Array(Math.max(1, tokens));
  let state = Math.floor(random.next() * 2 ** 32);
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    words[i] = state ^ (state >>> 15);
  }
  return new Uint8Array(words.buffer);
}

export function joined(...texts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(texts.reduce((bytes, { length }) => bytes + length, 0));
  let at = 0;
  for (const text of texts) {
    whole.set(text, at);
    at += text.length;
  }
  return whole;
}

/** Hashes of the full KV blocks of a prompt, as a server names them: each covers all before it. */
export function blockHashes(prompt: Uint8Array, blockTokens: number, salt: string): number[] {
  const words = new Int32Array(prompt.buffer, prompt.byteOffset, prompt.length / bytesPerToken);
  let hash = 0x811c9dc5;
  for (let i = 0; i < salt.length; i++) hash = Math.imul(hash ^ salt.charCodeAt(i), 0x01000193);
  const hashes: number[] = [];
  for (let end = blockTokens; end <= words.length; end += blockTokens) {
    for (let i = end - blockTokens; i < end; i++) {
      hash = Math.imul(hash ^ (words[i] as number), 0x01000193);
      hash ^= hash >>> 13;
    }
    hashes.push(hash);
  }
  return hashes;
}
