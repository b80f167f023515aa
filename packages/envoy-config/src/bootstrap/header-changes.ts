import type { HeaderModifier } from "../topology.ts";
import type { EnvoyObject } from "./envoy-object.ts";

/** Renders a header modifier for a route or weighted cluster. */
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

/** Sets a header and replaces an existing value. */
export function overwrite(key: string, value: string): EnvoyObject {
  return {
    header: { key, value: literal(value) },
    append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
  };
}

/** Escapes `%`: Envoy expands `%NAME%` in header values, but a resource's value is literal. */
function literal(value: string): string {
  return value.replaceAll("%", "%%");
}
