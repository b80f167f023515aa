/** Parses a GEP-2257 duration (`1h30m`, `500ms`), in ms. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d{1,5}(?:h|ms|m|s)){1,4}$/.test(text)) return undefined;
  const units = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(h|ms|m|s)/g)) {
    total += Number(count) * units[unit as keyof typeof units];
  }
  return total;
}

/** Parses a size in Kubernetes' form (`512Ki`, `4Gi`, or a number of bytes). */
export function parseBytes(text: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,15})(Ki|Mi|Gi)?$/.exec(text) ?? [];
  if (count === undefined) return undefined;
  const bytes = Number(count) * ({ Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 }[unit] ?? 1);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Formats a size for a setting, rounded up to whole mebibytes: `3Gi`, `1536Mi`. */
export function bytesText(bytes: number): string {
  const mebibytes = Math.ceil(bytes / 1024 ** 2);
  return mebibytes > 0 && mebibytes % 1024 === 0 ? `${mebibytes / 1024}Gi` : `${mebibytes}Mi`;
}
