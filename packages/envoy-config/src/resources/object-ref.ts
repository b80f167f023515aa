import type { Reader } from "./reader.ts";
import type { BackendRef, ObjectRef } from "./resources.ts";

/** Reads a reference to a resource of a given kind. Reports a missing name and returns undefined. */
export function readObjectRef(from: Reader, kind: string | undefined): ObjectRef | undefined {
  const name = from.required("name");
  const group = from.string("group") ?? "";
  if (name === undefined || kind === undefined) return undefined;
  return { group, kind, name, place: from.place("name") };
}

/** A reference to a backend that can't be read. It keeps its position among others. */
export function unreadBackend(from: Reader): BackendRef {
  return {
    group: "",
    kind: "",
    name: "",
    namespace: undefined,
    port: undefined,
    place: from.place(),
  };
}

/** Reads a reference to a backend. Reports a missing name and returns undefined. */
export function readBackendRef(from: Reader): BackendRef | undefined {
  const kind = from.string("kind") ?? "Service";
  const ref = readObjectRef(from, kind);
  const port = from.integer("port", 1, 65_535);
  if (kind === "Service") from.needs("port", ": a reference to a Service needs a port");
  const namespace = from.string("namespace");
  return ref && { ...ref, namespace, port };
}
