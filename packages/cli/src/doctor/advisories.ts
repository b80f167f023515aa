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
  {
    id: "CVE-2026-73513",
    what: "HTTP/2 trailers without END_STREAM, also from an endpoint, crash it",
    fixedIn: ["1.36.10", "1.37.6", "1.38.4", "1.39.1"],
  },
  {
    id: "CVE-2026-73552",
    what: "regular expressions on headers that are not UTF-8 fail open",
    fixedIn: ["1.36.10", "1.37.6", "1.38.4", "1.39.1"],
  },
  {
    id: "CVE-2026-47207",
    what: "several unexpected ext_proc answers in one gRPC message crash it",
    fixedIn: ["1.35.13", "1.36.9", "1.37.5", "1.38.3"],
  },
  {
    id: "CVE-2026-47221",
    what: "an internal redirect of a request without a body crashes it",
    fixedIn: ["1.35.13", "1.36.9", "1.37.5", "1.38.3"],
  },
  {
    id: "CVE-2026-48042",
    what: "deeply nested JSON overflows the stack",
    fixedIn: ["1.35.13", "1.36.9", "1.37.5", "1.38.3"],
  },
  {
    id: "CVE-2026-47774",
    what: "one HTTP/2 connection can take all memory",
    fixedIn: ["1.35.11", "1.36.7", "1.37.3", "1.38.1"],
  },
  {
    id: "CVE-2026-26311",
    what: "filters run on streams that were reset",
    fixedIn: ["1.34.13", "1.35.8", "1.36.5", "1.37.1"],
  },
  {
    id: "CVE-2026-26309",
    what: "the JSON escaper writes one byte too many",
    fixedIn: ["1.34.13", "1.35.8", "1.36.5", "1.37.1"],
  },
  {
    id: "CVE-2025-30157",
    what: "a local reply that ext_proc handles crashes it",
    fixedIn: ["1.30.10", "1.31.6", "1.32.4", "1.33.1"],
  },
  {
    id: "CVE-2024-34364",
    what: "responses to mirrored requests are buffered without bound",
    fixedIn: ["1.27.6", "1.28.4", "1.29.5", "1.30.2"],
  },
];

export const nodeAdvisories: readonly Advisory[] = [
  {
    id: "CVE-2026-21714",
    what: "WINDOW_UPDATE frames leak HTTP/2 sessions, which is what the sidecar serves",
    fixedIn: ["20.20.2", "22.22.2", "24.14.1"],
  },
];

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
