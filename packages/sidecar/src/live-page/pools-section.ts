import {
  type Cell,
  count,
  left,
  percent,
  shareBar,
  table,
  text,
  unknown,
  wrapped,
} from "@umbra/shadow/html";
import type { PoolAnswer } from "../admin/admin-answers.ts";

type Endpoint = PoolAnswer["endpoints"][number];

/** Maximum endpoints shown per pool; `/v1/pools` has all. */
const maxEndpoints = 64;
/** Larger pools are collapsed at first. */
const openEndpoints = 8;

const columns = [left("metrics"), "in flight", "waiting", "running", "KV cache"];

/** Renders the pools with the sums of their endpoints, followed by the endpoints. */
export function poolsSection(pools: readonly PoolAnswer[]): string {
  const heading = '<section aria-labelledby="pools"><h2 id="pools">Pools</h2>';
  if (pools.length === 0) return `${heading}<p class="card soft">No pools.</p></section>`;
  const caption =
    "In flight: requests of this sidecar. Waiting, running and KV cache: as reported by the endpoints. A pool's KV cache use is that of its fullest endpoint.";
  return `${heading}
${table({ caption, columns: ["pool", ...columns], rows: pools.map(poolRow) })}
${pools.map(endpointsOf).join("\n")}</section>`;
}

function poolRow({ name, models, endpoints }: PoolAnswer): readonly Cell[] {
  const size = `${count(endpoints.length)} ${endpoints.length === 1 ? "endpoint" : "endpoints"}`;
  return [
    `${text(name)}<small>${text([size, ...models].join(", "))}</small>`,
    freshnessOf(endpoints),
    ...loadOf(endpoints),
  ];
}

/** Sums, and the use of the fullest KV cache. For endpoints that were never scraped, only this sidecar's requests are known. */
function loadOf(endpoints: readonly Endpoint[]): readonly Cell[] {
  const known = endpoints.flatMap(({ metrics }) =>
    metrics.kind === "missing" ? [] : [metrics.metrics],
  );
  const used = known.flatMap(({ kvCacheUsage }) => kvCacheUsage ?? []);
  const most = Math.max(...used);
  const sum = (values: readonly number[]) =>
    values.length === 0 ? unknown : count(values.reduce((total, each) => total + each, 0));
  return [
    sum(endpoints.map(({ inFlight }) => inFlight)),
    sum(known.map(({ waitingRequests }) => waitingRequests)),
    sum(known.map(({ runningRequests }) => runningRequests)),
    used.length === 0
      ? unknown
      : { html: `${shareBar(most)}${percent(most, 0)}`, className: "usage" },
  ];
}

function freshnessOf(endpoints: readonly Endpoint[]): Cell {
  if (endpoints.length === 0) return state("FAIL", "! no endpoints");
  const fresh = endpoints.filter(({ metrics }) => metrics.kind === "fresh").length;
  if (fresh === endpoints.length) return state("PASS", "✓ all fresh");
  return state("FAIL", `! ${fresh} of ${endpoints.length} fresh`);
}

function endpointsOf({ name, endpoints }: PoolAnswer): string {
  if (endpoints.length === 0) return "";
  const hidden = endpoints.length - maxEndpoints;
  const more = hidden > 0 ? `<p class="soft">and ${count(hidden)} more</p>` : "";
  const isOpen = endpoints.length <= openEndpoints ? " open" : "";
  const content = table({
    caption: `<span class="hidden">Endpoints of ${text(name)}</span>`,
    columns: ["endpoint", ...columns],
    rows: endpoints
      .slice(0, maxEndpoints)
      .map((each) => [text(each.address), endpointState(each), ...loadOf([each])]),
  });
  return `<details${isOpen}><summary>Endpoints of ${text(name)}</summary>${content}${more}</details>`;
}

/** The age of fresh metrics is omitted: it changes all the time and is not useful. */
function endpointState({ metrics, metricsAgeMs, lastFailure, isEjected }: Endpoint): Cell {
  if (isEjected) return state("FAIL", "✗ ejected");
  if (metrics.kind === "fresh") return state("PASS", "✓ fresh");
  const word = metrics.kind === "stale" ? "! stale" : "○ missing";
  const age = metricsAgeMs === undefined ? "" : `, ${Math.round(metricsAgeMs / 1_000)} s old`;
  return state("FAIL", `${word}${age}${lastFailure === undefined ? "" : `, ${lastFailure}`}`);
}

function state(tone: "PASS" | "FAIL", words: string): Cell {
  return wrapped(`<span class="${tone}">${text(words)}</span>`);
}
