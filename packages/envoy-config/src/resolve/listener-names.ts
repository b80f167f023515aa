import type { ResourceRef } from "../resource-ref.ts";

/** Returns the names of a listener: LISTENER, GATEWAY/LISTENER and NAMESPACE/GATEWAY/LISTENER. */
export function listenerNames(
  gateway: ResourceRef,
  listener: { readonly name: string },
): readonly [string, string, string] {
  const full = `${gateway.name}/${listener.name}`;
  return [listener.name, full, `${gateway.namespace}/${full}`];
}

/** Returns a function that finds the shortest unique name of a listener. */
export function shortestNames(
  all: readonly { readonly gateway: ResourceRef; readonly listener: { readonly name: string } }[],
): (of: (typeof all)[number]) => string {
  const counts = new Map<string, number>();
  for (const { gateway, listener } of all) {
    for (const name of listenerNames(gateway, listener)) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return ({ gateway, listener }) => {
    const names = listenerNames(gateway, listener);
    return names.find((name) => counts.get(name) === 1) ?? names[1];
  };
}
