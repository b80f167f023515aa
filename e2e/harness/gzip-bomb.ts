import { constants, crc32, deflateRawSync, gzipSync } from "node:zlib";

const mebibyte = 1 << 20;
const trailerBytes = 8;

/**
 * Many MiB of one letter as gzip, a thousandth of that long. Made from the same compressed MiB repeatedly, so
 * that it costs neither the memory nor the time of what it unfolds to.
 */
export function gzipBomb(mebibytes: number): Buffer {
  const block = Buffer.alloc(mebibyte, "a");
  // A full flush ends on a byte and looks back at nothing: what it made may be repeated.
  const repeated = deflateRawSync(block, { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  const head = gzipSync(Buffer.alloc(0)).subarray(0, 10);
  const trailer = Buffer.alloc(trailerBytes);
  let checksum = 0;
  for (let i = 0; i < mebibytes; i++) checksum = crc32(block, checksum);
  trailer.writeUInt32LE(checksum, 0);
  trailer.writeUInt32LE((mebibytes * mebibyte) >>> 0, 4);
  const end = deflateRawSync(Buffer.alloc(0));
  return Buffer.concat([head, ...Array<Buffer>(mebibytes).fill(repeated), end, trailer]);
}
