import { readObjectRef } from "./object-ref.ts";
import type { Reader } from "./reader.ts";
import type { BackendRef } from "./resources.ts";

/** Reads a reference to what serves requests; undefined, and reported, where it names nothing. */
export function readBackendRef(from: Reader): BackendRef | undefined {
  const kind = from.string("kind") ?? "Service";
  const ref = readObjectRef(from, kind);
  const port = from.integer("port", 1, 65_535);
  if (kind === "Service") from.needs("port", ": a Service is referred to by port");
  const namespace = from.string("namespace");
  return ref && { ...ref, namespace, port };
}
