/** Names of samples to read; all others are skipped cheaply. Created once and used for every page. */
export interface WantedNames {
  readonly names: ReadonlySet<string>;
  /** Names by hash, so that unwanted names are never decoded. */
  readonly byHash: ReadonlyMap<number, readonly string[]>;
  /**
   * Indexed by the low bits of the hash of a name's first `headLength` characters; 1 for wanted names. Rules out most
   * lines early.
   */
  readonly heads: Uint8Array;
  readonly headLength: number;
  /** Length of the longest name. */
  readonly longest: number;
  /** Labels to read, by sample name; undefined for all labels of every sample. */
  readonly labels: ReadonlyMap<string, readonly string[]> | undefined;
  /** For samples of this name, only those with the largest value are read. */
  readonly latest: string | undefined;
}

const longestHead = 8;
const headsSize = 1_024;

export const hashSeed = 0x811c9dc5;
const hashPrime = 0x01000193;

/**
 * @param labels labels to read, by sample name; no labels for names that are not in the map; all labels when absent
 * @param latest name of which only the samples with the largest value are read
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

/** Index of a hash in `WantedNames.heads`. */
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
