/** Returns a function that computes a value once for each object, and keeps it as long as the object. The object must not change. */
export function onceFor<K extends object, T>(compute: (from: K) => T): (from: K) => T {
  const known = new WeakMap<K, { readonly value: T }>();
  return (from) => {
    const held = known.get(from) ?? { value: compute(from) };
    known.set(from, held);
    return held.value;
  };
}
