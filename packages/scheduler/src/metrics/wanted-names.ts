/** Names of samples that are read; all others are skipped without a look. Made once, used for every page. */
export interface WantedNames {
  readonly names: ReadonlySet<string>;
  /** By hash, so that no name is cut out of the page unless it is wanted. */
  readonly byHash: ReadonlyMap<number, readonly string[]>;
  /** 1 at the low bits of the hash of each name's first `headLength` characters: most lines are known by them to be others. */
  readonly heads: Uint8Array;
  readonly headLength: number;
  /** Length of the longest name. */
  readonly longest: number;
  /** Labels that are read, by name of the sample; undefined: all of every sample. */
  readonly labels: ReadonlyMap<string, readonly string[]> | undefined;
  /** Of the samples of this name only those of the largest value are read. */
  readonly latest: string | undefined;
}

const longestHead = 8;
const headsSize = 1_024;

export const hashSeed = 0x811c9dc5;
const hashPrime = 0x01000193;

/**
 * @param labels by name of the sample the labels that are read; of a name that is absent none are. Absent: all are read
 * @param latest a name of which only the samples of the largest value are read
 */
export function wantedNames(
  names: Iterable<string>,
  labels?: ReadonlyMap<string, readonly string[]>,
  latest?: string,
): WantedNames {
  const unique = new Set(names);
  const byHash = new Map<number, string[]>();
  for (const name of unique) byHash.set(hashOf(name), [...(byHash.get(hashOf(name)) ?? []), name]);
  const lengths = [...unique].map(({ length }) => length);
  const headLength = Math.min(longestHead, ...lengths);
  const heads = new Uint8Array(headsSize);
  for (const name of unique) heads[headAt(hashOf(name.slice(0, headLength)))] = 1;
  const longest = Math.max(...lengths);
  return { names: unique, byHash, heads, headLength, longest, labels, latest };
}

/** The place of a hash in `WantedNames.heads`. */
export function headAt(hash: number): number {
  return (hash ^ (hash >>> 16)) & (headsSize - 1);
}

export function addToHash(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, hashPrime);
}

function hashOf(text: string): number {
  let hash = hashSeed;
  for (let i = 0; i < text.length; i++) hash = addToHash(hash, text.charCodeAt(i));
  return hash;
}
