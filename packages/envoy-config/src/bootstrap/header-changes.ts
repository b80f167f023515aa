import type { HeaderModifier } from "../topology.ts";
import type { EnvoyObject } from "./envoy-object.ts";

/** A header modifier, as routes and weighted clusters have it. */
export function headerChanges(
  { set, add, remove }: HeaderModifier,
  side: "request" | "response",
): EnvoyObject {
  const entries = [
    ...set.map(({ name, value }) => overwrite(name, value)),
    ...add.map(({ name, value }) => ({
      header: { key: name, value: literal(value) },
      append_action: "APPEND_IF_EXISTS_OR_ADD",
    })),
  ];
  return {
    ...(entries.length > 0 ? { [`${side}_headers_to_add`]: entries } : {}),
    ...(remove.length > 0 ? { [`${side}_headers_to_remove`]: remove } : {}),
  };
}

/** Sets a header, whatever it was before. */
export function overwrite(key: string, value: string): EnvoyObject {
  return {
    header: { key, value: literal(value) },
    append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
  };
}

/** Envoy expands `%NAME%` in header values; a resource's value is meant as it stands. */
function literal(value: string): string {
  return value.replaceAll("%", "%%");
}
