import { conditionOf } from "../conditions.ts";
import type { ResourceMap } from "../resource-map.ts";
import { flagOf } from "../resource-ref.ts";
import type { Report } from "../resources/report.ts";
import type { InferencePool, Service } from "../resources/resources.ts";
import type { ExternalPicker, Pool } from "../topology.ts";

export interface PickerSources {
  readonly services: ResourceMap<Service>;
  /** The values of `--picker`, by resource name or `namespace/name`. */
  readonly pickers: ReadonlyMap<string, ExternalPicker>;
  readonly report: Report;
}

/** Finds the picker of an InferencePool. Reports if it is not the one that the pool refers to. */
export function pickerOf(
  pool: InferencePool,
  { services, pickers, report }: PickerSources,
): Pick<Pool, "picker" | "externalPicker"> {
  const { namespace, name, pickerRef } = pool;
  const external = flagOf(pickers, pool);
  if (external !== undefined) {
    if (pool.failureMode === "FailOpen") {
      const message = `InferencePool "${name}" is FailOpen, but its --picker reads bodies in pieces: if it dies, requests whose body it has started to read fail`;
      report("info", "UMB0233", pickerRef?.place ?? pool.place, message);
    }
    return { picker: "external", externalPicker: external };
  }
  if (pool.annotations["umbra.dev/picker"] === "none") return { picker: "none" };
  if (pickerRef === undefined) return { picker: "umbra" };
  if (pickerRef.kind !== "Service" || pickerRef.group !== "") {
    const message = `endpoint pickers of kind ${pickerRef.kind.slice(0, 64)} are not supported: Umbra picks instead`;
    const condition = conditionOf(
      { ...pool, kind: "InferencePool" },
      "ResolvedRefs",
      "InvalidExtensionRef",
    );
    report("warning", "UMB0232", pickerRef.place, message, { condition });
  } else if (!isOurs(pickerRef.name, services.get({ namespace, name: pickerRef.name }))) {
    const message = `InferencePool "${name}" refers to the endpoint picker "${pickerRef.name}", but Umbra picks instead`;
    const remedy = `no action needed; to use that picker, pass --picker ${name}=HOST:PORT, or tls:HOST:PORT if it serves TLS`;
    report("info", "UMB0230", pickerRef.place, message, { remedy });
  }
  return { picker: "umbra" };
}

/** True if a Service is Umbra's sidecar, by its name or its application label. */
function isOurs(name: string, service: Service | undefined): boolean {
  return (
    name === "umbra" ||
    name.startsWith("umbra-") ||
    service?.labels["app.kubernetes.io/name"] === "umbra"
  );
}
