import type { EngineName } from "../metrics/index.ts";

/** Configured location of the metrics page of a pool or an endpoint. */
export interface MetricsPlaceSettings {
  /** Begins with `/`. */
  readonly path?: string;
  /** 1 to 65535. */
  readonly port?: number;
  readonly scheme?: "http" | "https";
  /** True if path and port may belong to another exporter, so that the endpoint's default locations are tried first. */
  readonly isHint?: boolean;
}

/** An address at which the metrics page of an endpoint may be. */
export interface MetricsPlace {
  readonly scheme: "http" | "https";
  /** `ip:port`. */
  readonly address: string;
  readonly path: string;
}

const usualPath = "/metrics";
const mountedPath = "/prometheus/metrics";

/** Engines that do not serve `/metrics` on the port of their API. */
const engineDefaults: ReadonlyMap<EngineName, MetricsPlaceSettings> = new Map<
  EngineName,
  MetricsPlaceSettings
>([
  // trtllm-serve answers JSON at /metrics.
  ["trtllm-serve", { path: mountedPath }],
  ["triton-tensorrt-llm", { port: 8002 }],
]);

/**
 * Returns the possible locations of an endpoint's metrics page, most likely first. A configured path or port is the
 * only location, or the last one if it is a hint. Otherwise the engine's default comes before `/metrics` of the
 * endpoint.
 *
 * @param scheme how the endpoint's API is reached
 */
export function metricsPlaces(
  address: string,
  engine: EngineName | undefined,
  settings: MetricsPlaceSettings = {},
  scheme: "http" | "https" = "http",
): readonly [MetricsPlace, ...MetricsPlace[]] {
  const placeFor = ({ path = usualPath, port }: MetricsPlaceSettings): MetricsPlace => ({
    scheme: settings.scheme ?? scheme,
    address: port === undefined ? address : withPort(address, port),
    path,
  });
  const own = engine === undefined ? {} : (engineDefaults.get(engine) ?? {});
  if (settings.path !== undefined || settings.port !== undefined) {
    const set = placeFor({ ...own, ...settings });
    if (settings.isHint !== true) return [set];
    const [first, ...others] = metricsPlaces(address, engine, {}, scheme);
    return [first, ...others, set];
  }
  if (engine === undefined) return [placeFor({}), placeFor({ path: mountedPath })];
  return own.path === undefined && own.port === undefined
    ? [placeFor({})]
    : [placeFor(own), placeFor({})];
}

function withPort(address: string, port: number): string {
  return `${address.slice(0, address.lastIndexOf(":"))}:${port}`;
}
