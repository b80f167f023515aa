import { conditionOf } from "../conditions.ts";
import type { ResourceMap } from "../resource-map.ts";
import { flagOf, type ResourceRef } from "../resource-ref.ts";
import { pickerAnnotation } from "../resources/annotations.ts";
import type { Report } from "../resources/report.ts";
import type { InferencePool, PickerRef, Service } from "../resources/resources.ts";
import type { ExternalPicker, Pool } from "../topology.ts";
import type { EndpointFinder } from "./endpoints.ts";

/** A Service as InferencePools name their endpoint picker. */
export interface PickerService extends ResourceRef {
  /** Absent: any port. */
  readonly port?: number;
}

export interface PickerSources {
  readonly services: ResourceMap<Service>;
  /** The values of `--picker`, by resource name or `namespace/name`. */
  readonly pickers: ReadonlyMap<string, ExternalPicker>;
  /** Umbra's own Services; undefined: Umbra picks for every pool. */
  readonly ownPickers: readonly PickerService[] | undefined;
  readonly finder: Pick<EndpointFinder, "ofService">;
  /** True: the resources have every Service. */
  readonly hasAllServices: boolean;
  readonly report: Report;
}

/** Finds the picker of an InferencePool. Reports if it is not the one that the pool refers to. */
export function pickerOf(
  pool: InferencePool,
  sources: PickerSources,
): Pick<Pool, "picker" | "externalPicker"> {
  const { pickerRef } = pool;
  const flagged = flagOf(sources.pickers, pool);
  if (flagged !== undefined) return external(pool, flagged, sources.report);
  if (pool.annotations[pickerAnnotation] === "none") return { picker: "none" };
  if (pickerRef === undefined) return { picker: "umbra" };
  const { report } = sources;
  if (pickerRef.kind !== "Service" || pickerRef.group !== "") {
    const message = `endpoint pickers of kind ${pickerRef.kind.slice(0, 64)} are not supported: Umbra picks instead`;
    report("warning", "UMB0232", pickerRef.place, message, { condition: invalidRef(pool) });
    return { picker: "umbra" };
  }
  const { ownPickers } = sources;
  if (ownPickers === undefined) reportReplaced(pool, pickerRef, sources);
  else if (!ownPickers.some((own) => isNamed(own, pool.namespace, pickerRef))) {
    return external(pool, namedPicker(pool, pickerRef, sources), report);
  }
  return { picker: "umbra" };
}

function external(
  { name, failureMode, pickerRef, place }: InferencePool,
  externalPicker: ExternalPicker,
  report: Report,
): Pick<Pool, "picker" | "externalPicker"> {
  if (failureMode === "FailOpen") {
    const message = `InferencePool "${name}" is FailOpen, but its third-party endpoint picker reads bodies in pieces: if it dies, requests whose body it has started to read fail`;
    report("info", "UMB0233", pickerRef?.place ?? place, message);
  }
  return { picker: "external", externalPicker };
}

function isNamed(own: PickerService, namespace: string, ref: PickerRef): boolean {
  return (
    own.namespace === namespace && own.name === ref.name && (own.port ?? ref.port) === ref.port
  );
}

/** The picker that a pool names. Pickers serve TLS with a certificate of their own, unless the port of their Service rules that out. */
function namedPicker(
  pool: InferencePool,
  { name, port: number, place }: PickerRef,
  { services, finder, hasAllServices, report }: PickerSources,
): ExternalPicker {
  const { namespace } = pool;
  const service = services.get({ namespace, name });
  const port = service?.ports.find((each) => each.port === number);
  if (hasAllServices && port === undefined) {
    const lacks = service === undefined ? "does not exist" : `has no port ${number}`;
    const message = `InferencePool "${pool.name}" gets no picks: Service "${namespace}/${name}", its endpoint picker, ${lacks}`;
    const remedy = "create it, or let the pool name another one";
    report("warning", "UMB0232", place, message, { remedy, condition: invalidRef(pool) });
  }
  const found =
    service === undefined || port === undefined ? undefined : finder.ofService(service, port);
  const endpoints = found?.endpoints ?? [];
  return {
    address: `${name}.${namespace}.svc:${number}`,
    ...(endpoints.length > 0 ? { endpoints } : {}),
    isTls: port?.isCleartext !== true,
  };
}

function invalidRef(pool: InferencePool) {
  return conditionOf({ ...pool, kind: "InferencePool" }, "ResolvedRefs", "InvalidExtensionRef");
}

function reportReplaced(
  { namespace, name }: InferencePool,
  ref: PickerRef,
  { services, report }: PickerSources,
): void {
  if (isOurs(ref.name, services.get({ namespace, name: ref.name }))) return;
  const message = `InferencePool "${name}" refers to the endpoint picker "${ref.name}", but Umbra picks instead`;
  const remedy = `no action needed; to use that picker, pass --picker ${name}=HOST:PORT, or tls:HOST:PORT if it serves TLS`;
  report("info", "UMB0230", ref.place, message, { remedy });
}

/** True if a Service is Umbra's sidecar, by its name or its application label. */
function isOurs(name: string, service: Service | undefined): boolean {
  return (
    name === "umbra" ||
    name.startsWith("umbra-") ||
    service?.labels["app.kubernetes.io/name"] === "umbra"
  );
}
