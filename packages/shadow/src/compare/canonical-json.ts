/** Deepest nesting at which JSON is compared. */
export const maxJsonDepth = 128;

/** A value that `JSON.parse` returned. */
export type Json = unknown;

/** True for an object that is not an array. */
export function isJsonObject(json: Json): json is Readonly<Record<string, Json>> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/**
 * Writes JSON in its canonical form (RFC 8785): members sorted by the UTF-16 units of their names, numbers as in
 * ECMAScript. Undefined if it is nested too deep. All numbers beyond the range of a double become `Infinity`.
 */
export function canonicalJson(json: Json, depth: number = 0): string | undefined {
  if (typeof json === "number") return Number.isFinite(json) ? JSON.stringify(json) : String(json);
  if (typeof json !== "object" || json === null) return JSON.stringify(json);
  if (depth >= maxJsonDepth) return undefined;
  const parts: string[] = [];
  if (Array.isArray(json)) {
    for (const element of json as readonly Json[]) {
      const text = canonicalJson(element, depth + 1);
      if (text === undefined) return undefined;
      parts.push(text);
    }
    return `[${parts.join(",")}]`;
  }
  const members = json as Readonly<Record<string, Json>>;
  for (const name of Object.keys(members).sort()) {
    const text = canonicalJson(members[name], depth + 1);
    if (text === undefined) return undefined;
    parts.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${parts.join(",")}}`;
}

/** Whether two values are the same JSON; null if one is nested too deep to tell. */
export function isSameJson(a: Json, b: Json): boolean | null {
  const [first, second] = [canonicalJson(a), canonicalJson(b)];
  return first === undefined || second === undefined ? null : first === second;
}

/** A path in JSON, which of the two values have it, and the paths below it. Elements of an array share a path. */
interface Place {
  readonly members: Map<string, Place>;
  elements?: Place;
  seenBy: number;
}

/**
 * Jaccard index of the key paths of two values, 0 to 1: the share of paths that both have. Elements of an array share a
 * path. 1 if neither value has any, null if one is nested too deep.
 */
export function sharedKeys(a: Json, b: Json): number | null {
  const root = newPlace();
  if (!walk(a, root, { side: 1, depth: 0 }) || !walk(b, root, { side: 2, depth: 0 })) return null;
  const count = { all: 0, both: 0 };
  tally(root, count);
  return count.all === 0 ? 1 : count.both / count.all;
}

function newPlace(): Place {
  return { members: new Map(), seenBy: 0 };
}

interface Walk {
  readonly side: 1 | 2;
  readonly depth: number;
}

/** Marks the paths of a value. Returns false if it is nested too deep. */
function walk(json: Json, at: Place, { side, depth }: Walk): boolean {
  if (typeof json !== "object" || json === null) return true;
  if (depth >= maxJsonDepth) return false;
  const below = { side, depth: depth + 1 };
  if (Array.isArray(json)) {
    const place = at.elements ?? newPlace();
    at.elements = place;
    place.seenBy |= side;
    return json.every((element) => walk(element, place, below));
  }
  return Object.entries(json).every(([name, value]) => {
    const place = at.members.get(name) ?? newPlace();
    at.members.set(name, place);
    place.seenBy |= side;
    return walk(value, place, below);
  });
}

function tally({ members, elements }: Place, count: { all: number; both: number }): void {
  for (const place of elements === undefined ? members.values() : [...members.values(), elements]) {
    count.all++;
    if (place.seenBy === 3) count.both++;
    tally(place, count);
  }
}
