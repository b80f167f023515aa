import { flagOf } from "../resource-ref.ts";
import { metricsPrefix } from "../resources/annotations.ts";
import type { Meta } from "../resources/meta.ts";
import type { Report } from "../resources/report.ts";
import type { Pod } from "../resources/resources.ts";
import type { MetricsPlaceSettings, Pool } from "../topology.ts";

/** Those that Prometheus setups put on Pods. */
const prometheusPrefix = "prometheus.io/";

export interface MetricsPlaceOptions {
  /** By resource name or `namespace/name`; they win over annotations. */
  readonly flags: ReadonlyMap<string, MetricsPlaceSettings>;
  readonly report: Report;
}

/**
 * Says where the metrics pages of a pool's endpoints are, by flags and by annotations of the pool and its Pods.
 *
 * @param podOf the Pod of an endpoint
 */
export type MetricsPlaces = (
  meta: Meta,
  endpoints: readonly string[],
  podOf: (endpoint: string) => Pod | undefined,
) => Pick<Pool, "scrape" | "endpointScrape">;

export function createMetricsPlaces({ flags, report }: MetricsPlaceOptions): MetricsPlaces {
  /** Each resource is read once, so that its findings are reported once. */
  const read = {
    [metricsPrefix]: new Map<Meta, MetricsPlaceSettings>(),
    [prometheusPrefix]: new Map<Meta, MetricsPlaceSettings>(),
  };

  function annotated(meta: Meta, prefix: keyof typeof read): MetricsPlaceSettings {
    const known = read[prefix].get(meta) ?? readAnnotations(meta, prefix, report);
    read[prefix].set(meta, known);
    return known;
  }

  return (meta, endpoints, podOf) => {
    const flagged = flagOf(flags, meta) ?? {};
    const own: MetricsPlaceSettings = { ...annotated(meta, metricsPrefix), ...flagged };
    const pods = new Map(endpoints.map((endpoint) => [endpoint, podOf(endpoint)]));
    const uses = Map.groupBy(pods.values(), (pod) => pod);
    const byEndpoint = [...pods].flatMap(([endpoint, pod]) => {
      if (pod === undefined) return [];
      const { port, ...rest } = annotated(pod, prometheusPrefix);
      // Each of a Pod's data-parallel servers has a page of its own.
      const isAlone = uses.get(pod)?.length === 1 && !endpoint.endsWith(`:${port}`);
      const prometheus: MetricsPlaceSettings =
        isAlone && port !== undefined ? { ...rest, port } : rest;
      const sure = {
        ...annotated(meta, metricsPrefix),
        ...annotated(pod, metricsPrefix),
        ...flagged,
      };
      const isHint =
        sure.path === undefined &&
        sure.port === undefined &&
        (prometheus.path ?? prometheus.port) !== undefined;
      const settings = { ...prometheus, ...sure, ...(isHint ? { isHint } : {}) };
      return isEqual(settings, own) ? [] : [[endpoint, settings] as const];
    });
    return { scrape: own, endpointScrape: Object.fromEntries(byEndpoint) };
  };
}

function isEqual(a: MetricsPlaceSettings, b: MetricsPlaceSettings): boolean {
  return a.path === b.path && a.port === b.port && a.scheme === b.scheme;
}

function readAnnotations(meta: Meta, prefix: string, report: Report): MetricsPlaceSettings {
  const settings: { -readonly [key in keyof MetricsPlaceSettings]: MetricsPlaceSettings[key] } = {};
  for (const field of ["path", "port", "scheme"] as const) {
    const name = `${prefix}${field}`;
    const text = meta.annotations[name];
    if (text === undefined) continue;
    const parsed = parseMetricsPlace(field, text);
    if (parsed.ok) Object.assign(settings, parsed.value);
    else {
      const severity = prefix === metricsPrefix ? "error" : "warning";
      const message = `annotation ${name} of "${meta.name}": ${parsed.message}`;
      report(severity, "UMB0216", meta.annotationPlace(name), message);
    }
  }
  return settings;
}

type Field = Exclude<keyof MetricsPlaceSettings, "isHint">;

/** What each setting must look like, and what is said of another. */
const forms: Readonly<Record<Field, readonly [RegExp, wrong: string]>> = {
  path: [/^\/[!"$-~]{0,1023}$/, "is no path: write one that begins with /"],
  port: [/^\d{1,5}$/, "is not a port (1 to 65535)"],
  scheme: [/^https?$/, "is neither http nor https"],
};

/** Reads one setting of a metrics page's place, as annotations and flags have it. */
export function parseMetricsPlace(
  field: Field,
  text: string,
):
  | { readonly ok: true; readonly value: MetricsPlaceSettings }
  | { readonly ok: false; readonly message: string } {
  const [form, wrong] = forms[field];
  const port = Number(text);
  const isSound = form.test(text) && (field !== "port" || (port > 0 && port < 65_536));
  return isSound
    ? { ok: true, value: { [field]: field === "port" ? port : text } }
    : { ok: false, message: `"${text.slice(0, 64)}" ${wrong}` };
}
