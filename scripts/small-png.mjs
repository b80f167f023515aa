// Rewrites a PNG of 8-bit RGB or RGBA, as browsers make them, with a palette of at most 256 colours, cut to a size.
import { deflateSync, inflateSync } from "node:zlib";

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/**
 * @param {Buffer} png
 * @param {{ width: number, height: number }} size
 * @returns {Buffer}
 */
export function smallPng(png, { width, height }) {
  const { pixels, stride, channels } = decode(png);
  const counts = new Map();
  const keys = new Int32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * stride + x * channels;
      // Five bits a channel: what the eye does not tell apart in a page of text is one colour.
      const key = ((pixels[at] >> 3) << 10) | ((pixels[at + 1] >> 3) << 5) | (pixels[at + 2] >> 3);
      keys[y * width + x] = key;
      const entry = counts.get(key) ?? { n: 0, r: 0, g: 0, b: 0 };
      entry.n++;
      entry.r += pixels[at];
      entry.g += pixels[at + 1];
      entry.b += pixels[at + 2];
      counts.set(key, entry);
    }
  }
  const colours = [...counts].sort(([, a], [, b]) => b.n - a.n);
  const palette = colours
    .slice(0, 256)
    .map(([, { n, r, g, b }]) => [Math.round(r / n), Math.round(g / n), Math.round(b / n)]);
  const indexOf = new Map(
    colours.map(([key, c]) => [key, nearest(palette, [c.r / c.n, c.g / c.n, c.b / c.n])]),
  );
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++)
      rows[y * (width + 1) + 1 + x] = indexOf.get(keys[y * width + x]);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    signature,
    chunk("IHDR", head),
    chunk("PLTE", Buffer.from(palette.flat())),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function nearest(palette, [r, g, b]) {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  palette.forEach(([pr, pg, pb], index) => {
    const distance = (pr - r) ** 2 + (pg - g) ** 2 + (pb - b) ** 2;
    if (distance < least) [best, least] = [index, distance];
  });
  return best;
}

function decode(png) {
  let at = 8;
  let [width, height, channels] = [0, 0, 0];
  const data = [];
  while (at < png.length) {
    const length = png.readUInt32BE(at);
    const type = png.toString("latin1", at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") {
      [width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)];
      channels = { 2: 3, 6: 4 }[body[9]] ?? 0;
      if (body[8] !== 8 || channels === 0 || body[12] !== 0)
        throw new Error("unexpected kind of PNG");
    } else if (type === "IDAT") data.push(body);
    at += 12 + length;
  }
  return {
    pixels: unfiltered(inflateSync(Buffer.concat(data)), { width, height, channels }),
    stride: width * channels,
    channels,
  };
}

/** PNG specification, section 9: filters. */
function unfiltered(raw, { width, height, channels }) {
  const stride = width * channels;
  const pixels = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const here = y * stride + x;
      const left = x >= channels ? pixels[here - channels] : 0;
      const up = y > 0 ? pixels[here - stride] : 0;
      const corner = y > 0 && x >= channels ? pixels[here - stride - channels] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter] ?? 0;
      pixels[here] = (raw[y * (stride + 1) + 1 + x] + guess) & 255;
    }
  }
  return pixels;
}

function paeth(left, up, corner) {
  const estimate = left + up - corner;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(estimate - value));
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

function chunk(type, body) {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length, 0);
  head.write(type, 4, "latin1");
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc(Buffer.concat([head.subarray(4), body])), 0);
  return Buffer.concat([head, body, sum]);
}

const table = Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let k = 0; k < 8; k++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = (table[(value ^ byte) & 255] ^ (value >>> 8)) >>> 0;
  return (value ^ 0xffffffff) >>> 0;
}
