import type { EngineName } from "../metrics/index.ts";

/** Where a pool or an endpoint has its metrics page, as far as somebody says so. */
export interface MetricsPlaceSettings {
  /** Begins with `/`. */
  readonly path?: string;
  /** 1 to 65535. */
  readonly port?: number;
  readonly scheme?: "http" | "https";
  /** The path and port may be those of another exporter, so the endpoint's own places are tried first. */
  readonly isHint?: boolean;
}

export interface MetricsPlace {
  readonly scheme: "http" | "https";
  /** `ip:port`. */
  readonly address: string;
  readonly path: string;
}

const usualPath = "/metrics";
const mountedPath = "/prometheus/metrics";

/** Only of engines that do not serve `/metrics` on the port of their API. */
const engineDefaults: ReadonlyMap<EngineName, MetricsPlaceSettings> = new Map<
  EngineName,
  MetricsPlaceSettings
>([
  // trtllm-serve answers JSON at /metrics.
  ["trtllm-serve", { path: mountedPath }],
  ["triton-tensorrt-llm", { port: 8002 }],
]);

/**
 * The places to look for an endpoint's metrics page, the likeliest first. A path or port that is set is the only place,
 * or the last one where it is a hint; else an engine's own default goes before `/metrics` of the endpoint.
 *
 * @param scheme how the endpoint's API is reached
 */
export function metricsPlaces(
  address: string,
  engine: EngineName | undefined,
  settings: MetricsPlaceSettings = {},
  scheme: "http" | "https" = "http",
): readonly [MetricsPlace, ...MetricsPlace[]] {
  const placed = ({ path = usualPath, port }: MetricsPlaceSettings): MetricsPlace => ({
    scheme: settings.scheme ?? scheme,
    address: port === undefined ? address : withPort(address, port),
    path,
  });
  const own = engine === undefined ? {} : (engineDefaults.get(engine) ?? {});
  if (settings.path !== undefined || settings.port !== undefined) {
    const set = placed({ ...own, ...settings });
    if (settings.isHint !== true) return [set];
    const [first, ...others] = metricsPlaces(address, engine, {}, scheme);
    return [first, ...others, set];
  }
  if (engine === undefined) return [placed({}), placed({ path: mountedPath })];
  return own.path === undefined && own.port === undefined
    ? [placed({})]
    : [placed(own), placed({})];
}

function withPort(address: string, port: number): string {
  return `${address.slice(0, address.lastIndexOf(":"))}:${port}`;
}
