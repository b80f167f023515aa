/** What a body holds if it is not a metrics page. */
export type ForeignPage = "empty" | "JSON" | "HTML" | "compressed";

const gzipMagic = [0x1f, 0x8b] as const;
const openBrace = 0x7b;
const openBracket = 0x5b;
const lessThan = 0x3c;
/** Space, tab, line feed and carriage return. */
const blanks: ReadonlySet<number | undefined> = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** Checks the first bytes of a body. Returns what it is instead of a metrics page; undefined if it may be one. */
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
  empty: "empty, without metrics such as vllm:num_requests_waiting",
  JSON: "JSON, not a metrics page",
  HTML: "HTML, not a metrics page",
  compressed: "compressed, although the request did not allow it",
};

const remedies: Readonly<Record<ForeignPage, string>> = {
  empty: "turn the server's metrics on (SGLang: --enable-metrics)",
  JSON: "set the metrics path (trtllm-serve: /prometheus/metrics)",
  HTML: "set the metrics path or port",
  compressed: "configure the server not to compress it",
};

/** Returns the message for a body that is not a metrics page, with what to do. */
export function foreignPageReason(path: string, kind: ForeignPage): string {
  return `${path} is ${descriptions[kind]}: ${remedies[kind]}`;
}

/** Returns the message for a page that is too complex, with what to do. */
export function tooComplexReason(path: string): string {
  return `${path} takes too long to read: configure the server to show fewer labels or series`;
}

/** Returns the message for a metrics page with an error status, with what to do. */
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
