/** Pools with the sums of their endpoints, and the endpoints. */
export const pools: string = `
const maxEndpointRows = 24;

function showPools(pools) {
  if (!isNews("pools", pools)) return;
  at("pools").replaceChildren(...pools.flatMap(({ name, models, endpoints }) => {
    const known = endpoints.flatMap(({ metrics }) => metrics.metrics ?? []);
    const sum = (list, field) => (list.length === 0 ? null : list.reduce((total, each) => total + each[field], 0));
    const fullest = known.length === 0 ? null : Math.max(...known.map(({ kvCacheUsage }) => kvCacheUsage));
    const head = make("th", name);
    head.scope = "row";
    const served = models?.length > 0 ? ", " + models.join(", ") : "";
    head.append(make("small", endpoints.length + (endpoints.length === 1 ? " endpoint" : " endpoints") + served, "soft"));
    const hidden = endpoints.length - maxEndpointRows;
    return [
      row([
        head, count(sum(endpoints, "inFlight") ?? 0), count(sum(known, "waitingRequests")),
        count(sum(known, "runningRequests")), usage(fullest), poolFreshness(endpoints),
      ], "pool"),
      ...endpoints.slice(0, maxEndpointRows).map(endpointRow),
      ...(hidden > 0 ? [nothing("and " + hidden + " endpoints more", 6)] : []),
    ];
  }));
  if (pools.length === 0) at("pools").append(nothing("No pools.", 6));
}

function endpointRow({ address, inFlight, metrics, metricsAgeMs, lastFailure }) {
  const { waitingRequests, runningRequests, kvCacheUsage } = metrics.metrics ?? {};
  const [word, colour] = freshness[metrics.kind];
  const age = isKnown(metricsAgeMs) ? ", " + (metricsAgeMs / 1000).toFixed(1) + " s old" : "";
  const failure = lastFailure ? ", " + lastFailure : "";
  return row([
    address, count(inFlight), count(waitingRequests), count(runningRequests), usage(kvCacheUsage),
    make("td", word + age + failure, colour),
  ], "endpoint");
}

const freshness = { fresh: ["✓ fresh", "PASS"], stale: ["! stale", "FAIL"], missing: ["○ missing", "FAIL"] };

function poolFreshness(endpoints) {
  if (endpoints.length === 0) return make("td", "! no endpoints", "FAIL");
  const fresh = endpoints.filter(({ metrics }) => metrics.kind === "fresh").length;
  if (fresh === endpoints.length) return make("td", "✓ all fresh", "PASS");
  return make("td", "! " + fresh + " of " + endpoints.length + " fresh", "FAIL");
}

function usage(share) {
  const cell = make("td", percent(share));
  if (!isKnown(share)) return cell;
  const meter = make("span", undefined, "meter");
  const level = make("i");
  level.style.width = Math.min(100, share * 100) + "%";
  meter.append(level);
  cell.prepend(meter);
  return cell;
}
`;
