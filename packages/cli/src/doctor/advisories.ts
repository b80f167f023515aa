import { isOlder, type Version, versionIn, versionText } from "./version.ts";

/** A known vulnerability of Envoy or Node.js. */
export interface Advisory {
  readonly id: string;
  readonly what: string;
  /** The first fixed patch of each release line that has a fix. Later lines were never affected. */
  readonly fixedIn: readonly string[];
}

/**
 * Only advisories about features that Umbra's bootstrap uses: ext_proc, mirroring, HTTP/2, internal listeners, regular
 * expressions, the admin interface.
 */
export const envoyAdvisories: readonly Advisory[] = [
  ...fixedIn(["1.36.10", "1.37.6", "1.38.4", "1.39.1"], {
    "CVE-2026-73513": "HTTP/2 trailers without END_STREAM crash Envoy, even from an endpoint",
    "CVE-2026-73552": "regular expressions on headers that are not UTF-8 fail open",
  }),
  ...fixedIn(["1.35.13", "1.36.9", "1.37.5", "1.38.3"], {
    "CVE-2026-47207": "several unexpected ext_proc answers in one gRPC message crash Envoy",
    "CVE-2026-47221": "an internal redirect of a request without a body crashes Envoy",
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
    "CVE-2025-30157": "a local reply processed by ext_proc crashes Envoy",
  }),
  ...fixedIn(["1.27.6", "1.28.4", "1.29.5", "1.30.2"], {
    "CVE-2024-34364": "responses to mirrored requests are buffered without bound",
  }),
];

export const nodeAdvisories: readonly Advisory[] = [
  ...fixedIn(["20.20.2", "22.22.2", "24.14.1"], {
    "CVE-2026-21714": "WINDOW_UPDATE frames leak HTTP/2 sessions, which the sidecar serves",
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
 * Returns the advisories that affect a version. A release line without a fix counts as affected if a later line has one.
 *
 * @param linesBy how many leading numbers identify a release line: 2 for `1.40`, 1 for `22`
 */
export function affecting(
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
