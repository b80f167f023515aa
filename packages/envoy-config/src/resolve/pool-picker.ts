import { conditionOf } from "../conditions.ts";
import type { ResourceMap } from "../resource-map.ts";
import { flagOf } from "../resource-ref.ts";
import { pickerAnnotation } from "../resources/annotations.ts";
import type { Report } from "../resources/report.ts";
import type { InferencePool, Service } from "../resources/resources.ts";
import type { ExternalPicker, Pool } from "../topology.ts";

export interface PickerSources {
  readonly services: ResourceMap<Service>;
  /** Of `--picker`, by resource name or `namespace/name`. */
  readonly pickers: ReadonlyMap<string, ExternalPicker>;
  readonly report: Report;
}

/** Who picks for an InferencePool; says so where it is another than the one that the pool names. */
export function pickerOf(
  pool: InferencePool,
  { services, pickers, report }: PickerSources,
): Pick<Pool, "picker" | "externalPicker"> {
  const { namespace, name, pickerRef } = pool;
  const external = flagOf(pickers, pool);
  if (external !== undefined) {
    if (pool.failureMode === "FailOpen") {
      const message = `InferencePool "${name}" is FailOpen, and the picker of --picker reads bodies in pieces: when it dies, requests whose body it has begun to read fail all the same`;
      report("info", "UMB0233", pickerRef?.place ?? pool.place, message);
    }
    return { picker: "external", externalPicker: external };
  }
  if (pool.annotations[pickerAnnotation] === "none") return { picker: "none" };
  if (pickerRef === undefined) return { picker: "umbra" };
  if (pickerRef.kind !== "Service" || pickerRef.group !== "") {
    const message = `an endpoint picker of kind ${pickerRef.kind.slice(0, 64)} is not known: Umbra picks in its place`;
    const condition = conditionOf(
      { ...pool, kind: "InferencePool" },
      "ResolvedRefs",
      "InvalidExtensionRef",
    );
    report("warning", "UMB0232", pickerRef.place, message, { condition });
  } else if (!isOurs(pickerRef.name, services.get({ namespace, name: pickerRef.name }))) {
    const message = `InferencePool "${name}" names the endpoint picker "${pickerRef.name}": Umbra picks in its place`;
    const remedy = `nothing needs to be done; to have that picker asked, give --picker ${name}=HOST:PORT, tls:HOST:PORT where it serves TLS`;
    report("info", "UMB0230", pickerRef.place, message, { remedy });
  }
  return { picker: "umbra" };
}

/** A sidecar of Umbra as a Service: by its name, or by the label that names the application. */
function isOurs(name: string, service: Service | undefined): boolean {
  return (
    name === "umbra" ||
    name.startsWith("umbra-") ||
    service?.labels["app.kubernetes.io/name"] === "umbra"
  );
}
