import { byteAt } from "./byte-at.ts";
import { LatestLines } from "./latest-lines.ts";
import { createPageWork, type PageWork } from "./page-work.ts";
import { isTextAt, readSample, type Sample } from "./sample-line.ts";
import { addToHash, hashSeed, headAt, type WantedNames } from "./wanted-names.ts";

/** Most samples that are read, because a hostile page may contain any number. */
const maxSamples = 10_000;
const maxLineLength = 65_536;
/** Up to this length, checking each byte finds the end of a line faster than a search. */
const shortRest = 4;

const hashSign = 0x23;
const openBrace = 0x7b;
const space = 0x20;
const tab = 0x09;
const newline = 0x0a;
const byteOrderMark = [0xef, 0xbb, 0xbf];

/**
 * Reads the wanted samples of a page in the Prometheus or OpenMetrics text format. Malformed lines are skipped.
 * Timestamps, exemplars and blanks before a name are ignored. `NaN` and `+Inf` are values.
 *
 * @param page its text, or its bytes in UTF-8, of which only wanted parts are decoded
 * @param work work budget of the page; if it is used up, no samples are returned
 */
export function parsePrometheusText(
  page: string | Uint8Array,
  wanted: WantedNames,
  work: PageWork = createPageWork(),
): readonly Sample[] {
  const bytes = typeof page === "string" ? new TextEncoder().encode(page) : page;
  const samples: Sample[] = [];
  const { length } = bytes;
  const latest =
    wanted.latest === undefined ? undefined : new LatestLines(wanted.latest, bytes, work);
  /** Whether the previous line was of that gauge; the next one probably is too. */
  let isLatest = false;
  let start = byteOrderMark.every((byte, i) => bytes[i] === byte) ? byteOrderMark.length : 0;
  while (start < length && samples.length < maxSamples && work.left >= 0) {
    work.left--;
    const from = start;
    while (start < length && (bytes[start] === space || bytes[start] === tab)) start++;
    work.left -= (start - from) >> 6;
    const known = latest !== undefined && isLatest ? latest.endOfName(start) : -1;
    if (known >= 0) {
      const end = endOfLine(bytes, known);
      if (end - known <= maxLineLength) latest?.add(known, end);
      start = end + 1;
      continue;
    }
    const nameEnd = endOfName(bytes, start, wanted);
    const at = nameEnd < 0 ? start : nameEnd;
    const end = endOfLine(bytes, at);
    const name = nameEnd < 0 ? undefined : nameOf(bytes, start, nameEnd, wanted);
    work.left -= (at - start) >> 3;
    isLatest = name !== undefined && name === wanted.latest;
    if (isLatest) {
      if (end - at <= maxLineLength) latest?.add(at, end);
    } else if (name !== undefined && end - at <= maxLineLength) {
      const labels = wanted.labels === undefined ? undefined : (wanted.labels.get(name) ?? none);
      const sample = readSample(bytes, { name, from: at, end, labels }, work);
      if (sample !== undefined) samples.push(sample);
    }
    start = end + 1;
  }
  if (latest !== undefined && work.left >= 0) {
    samples.push(...latest.samples(wanted.labels?.get(latest.name)));
  }
  // A partly read page would be wrong: the gauges of a busy server may follow in the rest.
  return work.left >= 0 ? samples : [];
}

const none: readonly string[] = [];

/**
 * Returns where the name at the start of a line ends; -1 if its first characters or its length show that it is not
 * wanted.
 */
function endOfName(bytes: Uint8Array, start: number, wanted: WantedNames): number {
  const { heads, headLength, longest } = wanted;
  const stop = Math.min(bytes.length, start + longest + 1);
  if (bytes[start] === hashSign) return -1;
  let hash = hashSeed;
  for (let at = start; at < stop; at++) {
    const byte = byteAt(bytes, at);
    if (byte === openBrace || byte === space || byte === tab || byte === newline) return at;
    hash = addToHash(hash, byte);
    if (at - start + 1 === headLength && heads[headAt(hash)] !== 1) return -1;
  }
  return stop === bytes.length ? stop : -1;
}

function nameOf(
  bytes: Uint8Array,
  start: number,
  end: number,
  wanted: WantedNames,
): string | undefined {
  let hash = hashSeed;
  for (let at = start; at < end; at++) hash = addToHash(hash, byteAt(bytes, at));
  return wanted.byHash.get(hash)?.find((each) => isTextAt(bytes, start, end, each));
}

function endOfLine(bytes: Uint8Array, from: number): number {
  const near = Math.min(bytes.length, from + shortRest);
  for (let at = from; at < near; at++) if (bytes[at] === newline) return at;
  const end = bytes.indexOf(newline, near);
  return end < 0 ? bytes.length : end;
}
