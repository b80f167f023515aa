export type Version = readonly [number, number, number];

/** Finds the first `1.2.3` in a text, with or without a leading `v`. */
export function versionIn(text: string): Version | undefined {
  const found = /(?<![\d.])v?(\d{1,4})\.(\d{1,4})\.(\d{1,5})(?![\d.])/.exec(text);
  if (found === null) return undefined;
  return [Number(found[1]), Number(found[2]), Number(found[3])];
}

export function versionText(version: Version): string {
  return version.join(".");
}

export function isOlder(one: Version, other: Version): boolean {
  const at = one.findIndex((part, index) => part !== other[index]);
  return at >= 0 && (one[at] as number) < (other[at] as number);
}
