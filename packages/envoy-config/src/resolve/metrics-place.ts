import { flagOf } from "../resource-ref.ts";
import type { Meta } from "../resources/meta.ts";
import type { Report } from "../resources/report.ts";
import type { Pod } from "../resources/resources.ts";
import type { MetricsPlaceSettings, Pool } from "../topology.ts";

/** Umbra's annotations for the location of metrics pages. */
const ownPrefix = "umbra.dev/metrics-";
/** Annotations that Prometheus setups use on Pods. */
const prometheusPrefix = "prometheus.io/";

export interface MetricsPlaceOptions {
  /** Flag values, by resource name or `namespace/name`. They override annotations. */
  readonly flags: ReadonlyMap<string, MetricsPlaceSettings>;
  readonly report: Report;
}

/**
 * Finds the metrics pages of a pool's endpoints, from flags and from annotations of the pool and its Pods.
 *
 * @param podOf returns the Pod of an endpoint
 */
export type MetricsPlaces = (
  meta: Meta,
  endpoints: readonly string[],
  podOf: (endpoint: string) => Pod | undefined,
) => Pick<Pool, "scrape" | "endpointScrape">;

export function createMetricsPlaces({ flags, report }: MetricsPlaceOptions): MetricsPlaces {
  /** Caches the annotations of each resource, so that problems are reported once. */
  const read = {
    [ownPrefix]: new Map<Meta, MetricsPlaceSettings>(),
    [prometheusPrefix]: new Map<Meta, MetricsPlaceSettings>(),
  };

  function annotated(meta: Meta, prefix: keyof typeof read): MetricsPlaceSettings {
    const known = read[prefix].get(meta) ?? readAnnotations(meta, prefix, report);
    read[prefix].set(meta, known);
    return known;
  }

  return (meta, endpoints, podOf) => {
    const flagged = flagOf(flags, meta) ?? {};
    const own: MetricsPlaceSettings = { ...annotated(meta, ownPrefix), ...flagged };
    const pods = new Map(endpoints.map((endpoint) => [endpoint, podOf(endpoint)]));
    const uses = Map.groupBy(pods.values(), (pod) => pod);
    const byEndpoint = [...pods].flatMap(([endpoint, pod]) => {
      if (pod === undefined) return [];
      const { port, ...rest } = annotated(pod, prometheusPrefix);
      // Each data-parallel server of a Pod has its own page.
      const isAlone = uses.get(pod)?.length === 1 && !endpoint.endsWith(`:${port}`);
      const prometheus: MetricsPlaceSettings =
        isAlone && port !== undefined ? { ...rest, port } : rest;
      const sure = { ...annotated(meta, ownPrefix), ...annotated(pod, ownPrefix), ...flagged };
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
      const severity = prefix === ownPrefix ? "error" : "warning";
      const message = `annotation ${name} of "${meta.name}": ${parsed.message}`;
      report(severity, "UMB0216", meta.annotationPlace(name), message);
    }
  }
  return settings;
}

type Field = Exclude<keyof MetricsPlaceSettings, "isHint">;

/** The syntax of each setting and its error message. */
const forms: Readonly<Record<Field, readonly [RegExp, wrong: string]>> = {
  path: [/^\/[!"$-~]{0,1023}$/, "is not a path: it must begin with /"],
  port: [/^\d{1,5}$/, "is not a port (1 to 65535)"],
  scheme: [/^https?$/, "is neither http nor https"],
};

/** Parses one setting of a metrics page's location, from an annotation or a flag. */
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
