import type { ResourceRef } from "../resource-ref.ts";
import type { Listener } from "../topology.ts";

/** Returns the names of a listener: LISTENER, GATEWAY/LISTENER and NAMESPACE/GATEWAY/LISTENER. */
export function listenerNames(
  gateway: ResourceRef,
  listener: { readonly name: string },
): readonly [string, string, string] {
  const full = `${gateway.name}/${listener.name}`;
  return [listener.name, full, `${gateway.namespace}/${full}`];
}

/** Returns the full names of the Gateways' listeners that share a port; its own name if it is not of a Gateway. */
export function servedNames({
  name,
  serves,
}: Pick<Listener, "name" | "serves">): readonly string[] {
  if (serves.length === 0) return [name];
  return serves.map(({ gateway, listener }) => fullName(gateway, { name: listener }));
}

/** Returns the name of a listener that no other resource changes: NAMESPACE/GATEWAY/LISTENER. */
export function fullName(gateway: ResourceRef, listener: { readonly name: string }): string {
  return listenerNames(gateway, listener)[2];
}

/** True if the text names the listener, or one of those that share it: by its full name, or by an end of it, as flags may. */
export function isListenerCalled(
  listener: Pick<Listener, "name" | "serves">,
  text: string,
): boolean {
  const { name } = listener;
  return name === text || servedNames(listener).some((each) => `/${each}`.endsWith(`/${text}`));
}

/** Returns a function that finds the shortest unique name of a listener, for people. */
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
