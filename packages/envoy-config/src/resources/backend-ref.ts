import type { Reader } from "./reader.ts";
import type { BackendRef } from "./route-resource.ts";

/** Reads a reference to what serves requests; undefined, and reported, where it names nothing. */
export function readBackendRef(ref: Reader): BackendRef | undefined {
  const name = ref.required("name");
  const kind = ref.string("kind") ?? "Service";
  const port = ref.integer("port", 1, 65_535);
  if (kind === "Service" && port === undefined && !ref.has("port")) {
    ref.report("error", "UMB0103", "`port` is missing: a Service is referred to by port");
  }
  const backend = {
    group: ref.string("group") ?? "",
    kind,
    namespace: ref.string("namespace"),
    port,
    place: ref.place("name"),
  };
  ref.warnUnknown("weight", "filters");
  return name === undefined ? undefined : { name, ...backend };
}
