import { isOlder, type Version, versionIn, versionText } from "./version.ts";

/** A known flaw of a program that Umbra runs on or beside. */
export interface Advisory {
  readonly id: string;
  readonly what: string;
  /** The first sound patch of each release line that got one. Later lines were never affected. */
  readonly fixedIn: readonly string[];
}

/** Of what Umbra's bootstrap uses: ext_proc, mirroring, HTTP/2, internal listeners, expressions, the admin interface. */
export const envoyAdvisories: readonly Advisory[] = [
  ...fixedIn(["1.36.10", "1.37.6", "1.38.4", "1.39.1"], {
    "CVE-2026-73513": "HTTP/2 trailers without END_STREAM, also from an endpoint, crash it",
    "CVE-2026-73552": "regular expressions on headers that are not UTF-8 fail open",
  }),
  ...fixedIn(["1.35.13", "1.36.9", "1.37.5", "1.38.3"], {
    "CVE-2026-47207": "several unexpected ext_proc answers in one gRPC message crash it",
    "CVE-2026-47221": "an internal redirect of a request without a body crashes it",
    "CVE-2026-48042": "deeply nested JSON overflows the stack",
  }),
  ...fixedIn(["1.35.11", "1.36.7", "1.37.3", "1.38.1"], {
    "CVE-2026-47774": "one HTTP/2 connection can take all memory",
  }),
  ...fixedIn(["1.34.13", "1.35.8", "1.36.5", "1.37.1"], {
    "CVE-2026-26311": "filters run on streams that were reset",
    "CVE-2026-26309": "the JSON escaper writes one byte too many",
  }),
  ...fixedIn(["1.30.10", "1.31.6", "1.32.4", "1.33.1"], {
    "CVE-2025-30157": "a local reply that ext_proc handles crashes it",
  }),
  ...fixedIn(["1.27.6", "1.28.4", "1.29.5", "1.30.2"], {
    "CVE-2024-34364": "responses to mirrored requests are buffered without bound",
  }),
];

export const nodeAdvisories: readonly Advisory[] = [
  ...fixedIn(["20.20.2", "22.22.2", "24.14.1"], {
    "CVE-2026-21714": "WINDOW_UPDATE frames leak HTTP/2 sessions, which is what the sidecar serves",
  }),
];

/** @param whats by id */
function fixedIn(
  versions: readonly string[],
  whats: Readonly<Record<string, string>>,
): readonly Advisory[] {
  return Object.entries(whats).map(([id, what]) => ({ id, what, fixedIn: versions }));
}

/**
 * Those that hold for a version. A release line that got no fix is affected where a later line got one.
 *
 * @param linesBy how many leading numbers name a release line: 2 for `1.40`, 1 for `22`
 */
export function holdFor(
  version: Version,
  advisories: readonly Advisory[],
  linesBy: 1 | 2,
): readonly Advisory[] {
  const lineOf = ([major, minor]: Version): Version => [major, linesBy === 2 ? minor : 0, 0];
  const line = lineOf(version);
  return advisories.filter(({ fixedIn }) => {
    const fixes = fixedIn.map(versionIn).filter((fix) => fix !== undefined);
    const own = fixes.find((fix) => versionText(lineOf(fix)) === versionText(line));
    if (own !== undefined) return isOlder(version, own);
    return fixes.some((fix) => isOlder(line, lineOf(fix)));
  });
}
