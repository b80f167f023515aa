/**
 * Returns the hostnames under which a listener serves a route: of each pair in which one covers the other, the more
 * specific one. A listener without a hostname has `*`. Empty if they don't overlap.
 */
export function intersectHostnames(listener: string, route: readonly string[]): readonly string[] {
  if (route.length === 0) return [listener];
  return route.flatMap((name) => {
    if (name === listener || covers(listener, name)) return [name];
    return covers(name, listener) ? [listener] : [];
  });
}

/** Lists a hostname and everything that covers it, most specific first: `a.b`, `*.b`, `*`. */
export function wider(hostname: string): readonly string[] {
  const all = [hostname];
  for (let dot = hostname.indexOf("."); dot !== -1; dot = hostname.indexOf(".", dot + 1)) {
    const wildcard = `*${hostname.slice(dot)}`;
    if (wildcard !== hostname) all.push(wildcard);
  }
  if (hostname !== "*") all.push("*");
  return all;
}

/** `*.example.com` covers any number of labels before it, but not `example.com` itself. `*` covers every name. */
function covers(wildcard: string, name: string): boolean {
  return (
    wildcard === "*" ||
    (wildcard.startsWith("*.") &&
      name.length > wildcard.length - 1 &&
      name.endsWith(wildcard.slice(1)))
  );
}

/** Sorts exact names first, then longer wildcards, then `*`. */
export function bySpecificity(a: string, b: string): number {
  const rank = (name: string) => (name === "*" ? 2 : name.startsWith("*.") ? 1 : 0);
  return rank(a) - rank(b) || (rank(a) === 1 ? b.length - a.length : 0) || (a < b ? -1 : 1);
}
