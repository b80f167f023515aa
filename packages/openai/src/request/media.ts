/**
 * Bytes that represent an image or a sound in a prompt: about 1,024 tokens at four bytes per token. An image of a
 * megapixel has 1,337 tokens for Qwen2-VL (28 x 28 pixels each), 1,398 for Claude (width * height / 750), 765 for
 * OpenAI's tiles of high detail and 576 for LLaVA 1.5; 41 seconds of sound have as many for Qwen2-Audio (25 a second).
 */
const mediaBytes = 4_096;

const pieces = 8;
const pieceBytes = mediaBytes / pieces;

/**
 * Whether a long string of JSON is an image, a sound or a file in base64: a data URL, or the field `data` of an audio
 * or image block, or `file_data`. Reads only some bytes at both ends.
 *
 * @param start offset of the string's quote
 * @param end offset after its closing quote
 */
export function isMedia(text: Buffer, start: number, end: number): boolean {
  if (
    text[start + 1] === letterD &&
    dataUrl.test(text.toString("latin1", start + 1, start + 129))
  ) {
    return true;
  }
  const colon = spaceBefore(text, start) - 1;
  if (text[colon] !== colonByte) return false;
  const keyEnd = spaceBefore(text, colon);
  if (text[keyEnd - 1] !== quote || text[keyEnd - 2] !== letterA) return false;
  if (!dataKey.test(text.toString("latin1", Math.max(0, keyEnd - 11), keyEnd))) return false;
  return (
    base64.test(text.toString("latin1", start + 1, start + 65)) &&
    base64.test(text.toString("latin1", end - 65, end - 1))
  );
}

/** Samples bytes from the whole string, with its length. Equal media give equal samples of a fixed size. */
export function mediaSample(text: Buffer, start: number, end: number): Buffer {
  const sample = Buffer.alloc(mediaBytes);
  const step = (end - start - pieceBytes) / (pieces - 1);
  for (let i = 0; i < pieces; i++) {
    const from = start + Math.floor(i * step);
    text.copy(sample, i * pieceBytes, from, from + pieceBytes);
  }
  sample.writeUInt32LE(end - start, 0);
  return sample;
}

const quote = 0x22;
const colonByte = 0x3a;
const letterA = 0x61;
const letterD = 0x64;
const dataUrl = /^data:[^,"]{0,100};base64,/;
const dataKey = /"(?:file_)?data"$/;
const base64 = /^[\w+/=\\-]+$/;

/** Start of the white space before `at`; reads at most 64 bytes. */
function spaceBefore(text: Buffer, at: number): number {
  const least = Math.max(0, at - 64);
  let end = at;
  while (end > least && (text[end - 1] ?? 0) <= 0x20) end--;
  return end;
}
