/**
 * The hostnames under which a route is reached on a listener, whose own is `*` where it names none: the more specific of each pair that covers the other.
 * Empty when they have nothing in common.
 */
export function intersectHostnames(listener: string, route: readonly string[]): readonly string[] {
  if (route.length === 0) return [listener];
  return route.flatMap((name) => {
    if (name === listener || covers(listener, name)) return [name];
    return covers(name, listener) ? [listener] : [];
  });
}

/** A hostname and all that cover it, from the most specific on: `a.b`, `*.b`, `*`. */
export function wider(hostname: string): readonly string[] {
  const labels = hostname.split(".").slice(1);
  const wildcards = labels.map((_, index) => `*.${labels.slice(index).join(".")}`);
  return [...new Set([hostname, ...wildcards, "*"])];
}

/** `*.example.com` covers any number of labels before it, and not `example.com` itself; `*` covers every name. */
function covers(wildcard: string, name: string): boolean {
  return (
    wildcard === "*" ||
    (wildcard.startsWith("*.") &&
      name.length > wildcard.length - 1 &&
      name.endsWith(wildcard.slice(1)))
  );
}

/** Exact names first, then longer wildcards, then `*`. */
export function bySpecificity(a: string, b: string): number {
  const rank = (name: string) => (name === "*" ? 2 : name.startsWith("*.") ? 1 : 0);
  return rank(a) - rank(b) || (rank(a) === 1 ? b.length - a.length : 0) || (a < b ? -1 : 1);
}
