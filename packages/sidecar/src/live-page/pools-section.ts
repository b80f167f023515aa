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

/** Endpoints of one pool that are shown; the others are in `/v1/pools`. */
const maxEndpoints = 64;
/** Larger pools show their endpoints when they are asked to. */
const openEndpoints = 8;

const columns = [left("metrics"), "in flight", "waiting", "running", "KV cache"];

/** The pools with the sums of their endpoints, and below them the endpoints. */
export function poolsSection(pools: readonly PoolAnswer[]): string {
  const heading = '<section aria-labelledby="pools"><h2 id="pools">Pools</h2>';
  if (pools.length === 0) return `${heading}<p class="card soft">No pools.</p></section>`;
  const caption =
    "Requests under way from here, and what the endpoints say of themselves: requests waiting and running, and the share of the KV cache in use, in a pool that of its fullest endpoint.";
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

/** Sums, and the use of the fullest KV cache. An endpoint that was never scraped has only requests from here. */
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

/** The age of fresh metrics changes all the time and says nothing. */
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
