import { compare } from "../compare.ts";
import { asJsonMap, type JsonMap } from "../json-map.ts";

/** What identifies an object of an API server. */
export interface ObjectId {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent for objects of the cluster. */
  readonly namespace?: string;
  readonly name: string;
}

/** Returns the identity of an object; what it lacks is empty. */
export function objectId(object: JsonMap): ObjectId {
  const { name, namespace } = asJsonMap(object.metadata);
  return {
    ...{ apiVersion: textOf(object.apiVersion), kind: textOf(object.kind), name: textOf(name) },
    ...(textOf(namespace) === "" ? {} : { namespace: textOf(namespace) }),
  };
}

/** What findings about an object have in place of a file: `HTTPRoute default/chat`, `GatewayClass umbra`. */
export function objectTitle({ kind, namespace, name }: ObjectId): string {
  return `${shown(kind)} ${namespace === undefined ? "" : `${shown(namespace)}/`}${shown(name)}`;
}

/** Sorts objects by group and kind, then by name, so that it doesn't matter in which order they came. */
export function byObjectId(a: ObjectId, b: ObjectId): number {
  return (
    compare(a.apiVersion, b.apiVersion) ||
    compare(a.kind, b.kind) ||
    compare(a.namespace ?? "", b.namespace ?? "") ||
    compare(a.name, b.name)
  );
}

/** Names have at most this many characters in Kubernetes. */
const maxName = 253;

function shown(text: string): string {
  if (text === "") return "?";
  return text.length <= maxName ? text : `${text.slice(0, maxName)}…`;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
