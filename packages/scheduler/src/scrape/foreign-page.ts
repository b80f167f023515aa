/** What a body is that is no metrics page. */
export type ForeignPage = "empty" | "JSON" | "HTML" | "compressed";

const gzipMagic = [0x1f, 0x8b] as const;
const openBrace = 0x7b;
const openBracket = 0x5b;
const lessThan = 0x3c;
/** Space, tab, line feed and carriage return. */
const blanks: ReadonlySet<number | undefined> = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** Tells from the first bytes whether a body can be a metrics page at all; undefined where it can. */
export function foreignPage(page: string | Uint8Array): ForeignPage | undefined {
  const head = typeof page === "string" ? new TextEncoder().encode(page.slice(0, 1_024)) : page;
  if (head[0] === gzipMagic[0] && head[1] === gzipMagic[1]) return "compressed";
  let at = 0;
  while (blanks.has(head[at])) at++;
  const first = head[at];
  if (first === undefined) return "empty";
  if (first === openBrace || first === openBracket) return "JSON";
  return first === lessThan ? "HTML" : undefined;
}

const descriptions: Readonly<Record<ForeignPage, string>> = {
  empty: "empty, so it has no vllm:num_requests_waiting or the like",
  JSON: "JSON, not a metrics page",
  HTML: "HTML, not a metrics page",
  compressed: "compressed, though it was asked for uncompressed",
};

const remedies: Readonly<Record<ForeignPage, string>> = {
  empty: "turn the server's metrics on (SGLang: --enable-metrics)",
  JSON: "set the metrics path (trtllm-serve: /prometheus/metrics)",
  HTML: "set the metrics path or port",
  compressed: "have the page served uncompressed",
};

/** Says what is wrong with a body that is no metrics page, and what to do. */
export function foreignPageReason(path: string, kind: ForeignPage): string {
  return `${path} is ${descriptions[kind]}: ${remedies[kind]}`;
}

/** Says what is wrong with a page that is given up, and what to do. */
export function tooComplexReason(path: string): string {
  return `${path} takes too long to read: have the server show fewer labels or series`;
}

/** Says what a status of a metrics page means, and what to do. */
export function pageStatusReason(path: string, status: number): string {
  const remedy = statusRemedies.get(status);
  return `${path} answered ${status}${remedy === undefined ? "" : `: ${remedy}`}`;
}

const statusRemedies: ReadonlyMap<number, string> = new Map([
  [401, "give its key with --endpoint-key-file"],
  [403, "give its key with --endpoint-key-file"],
  [404, "set the metrics path or port, or turn the server's metrics on"],
  [501, "turn the server's metrics on (llama.cpp: --metrics)"],
]);
