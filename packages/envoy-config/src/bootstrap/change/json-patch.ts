import { isDeepStrictEqual } from "node:util";
import type { PatchOperation } from "../../topology.ts";
import type { Plain } from "../plain.ts";

export type Patched =
  | { readonly ok: true; readonly value: Plain }
  | { readonly ok: false; readonly message: string };

type Mutable = string | number | boolean | null | Mutable[] | { [field: string]: Mutable };

/** Applies one JSON Patch operation (RFC 6902). Does not modify its input. */
export function patch(document: Plain, operation: PatchOperation): Patched {
  // Wrapped in a map, so that a path can also name the whole document.
  const root: { [field: string]: Mutable } = { document: structuredClone(document) as Mutable };
  try {
    apply(root, operation);
  } catch (cause) {
    if (!(cause instanceof NoSuchPlace)) throw cause;
    return { ok: false, message: cause.message };
  }
  return { ok: true, value: root.document ?? null };
}

class NoSuchPlace extends Error {}

function apply(root: Mutable, { op, path, from, value }: PatchOperation): void {
  const place = (pointer: string | undefined) => placeOf(root, pointer ?? "");
  switch (op) {
    case "add":
      put(place(path), copyOf(value));
      break;
    case "replace":
      get(place(path));
      set(place(path), copyOf(value));
      break;
    case "remove":
      take(place(path));
      break;
    case "move":
      if (path.startsWith(`${from}/`)) throw new NoSuchPlace(`${from} can't be moved into itself`);
      put(place(path), take(place(from)));
      break;
    case "copy":
      put(place(path), copyOf(get(place(from))));
      break;
    case "test":
      if (!isDeepStrictEqual(get(place(path)), copyOf(value))) {
        throw new NoSuchPlace(`the value at ${shown(path)} differs from the tested value`);
      }
      break;
  }
}

function copyOf(value: Plain | undefined): Mutable {
  return structuredClone(value ?? null) as Mutable;
}

/** The position of a value: a field of a map or an item of a list. */
interface Placed {
  readonly holder: Mutable;
  readonly key: string;
  readonly pointer: string;
}

function placeOf(root: Mutable, pointer: string): Placed {
  if (pointer !== "" && !pointer.startsWith("/")) {
    throw new NoSuchPlace(`the path "${shown(pointer)}" must begin with /`);
  }
  const steps = `/document${pointer}`
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  let holder = root;
  for (const step of steps.slice(0, -1)) holder = get({ holder, key: step, pointer });
  return { holder, key: steps.at(-1) ?? "", pointer };
}

function get({ holder, key, pointer }: Placed): Mutable {
  let value: Mutable | undefined;
  if (Array.isArray(holder)) value = holder[indexOf(holder, key) ?? -1];
  else if (isFields(holder) && Object.hasOwn(holder, key)) value = holder[key];
  if (value === undefined) throw new NoSuchPlace(`the bootstrap has no ${shown(pointer)}`);
  return value;
}

/** The `add` operation: inserts into a list before the given index, or appends at `-`. */
function put(place: Placed, value: Mutable): void {
  const { holder, key, pointer } = place;
  if (!Array.isArray(holder)) {
    set(place, value);
    return;
  }
  const index = key === "-" ? holder.length : indexOf(holder, key);
  if (index === undefined || index > holder.length) {
    throw new NoSuchPlace(`the list has no index ${shown(pointer)}`);
  }
  holder.splice(index, 0, value);
}

function set({ holder, key, pointer }: Placed, value: Mutable): void {
  if (Array.isArray(holder)) holder[Number(key)] = value;
  else if (isFields(holder)) {
    // Setting `__proto__` would change the object's prototype.
    Object.defineProperty(holder, key, {
      ...{ value, enumerable: true, configurable: true, writable: true },
    });
  } else throw new NoSuchPlace(`the parent of ${shown(pointer)} is neither a map nor a list`);
}

function take(place: Placed): Mutable {
  const value = get(place);
  const { holder, key } = place;
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else if (isFields(holder)) delete holder[key];
  return value;
}

function indexOf(list: readonly Mutable[], key: string): number | undefined {
  return /^(?:0|[1-9]\d{0,6})$/.test(key) && Number(key) <= list.length ? Number(key) : undefined;
}

function isFields(value: Mutable): value is { [field: string]: Mutable } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(pointer: string): string {
  return pointer === "" ? "the root" : pointer.slice(0, 200);
}
