import { type HeldObject, readObject } from "../objects/held-object.ts";
import { isJsonObject, objectOf, textOf } from "../objects/json.ts";
import type { WatchedKind } from "../objects/watched-kind.ts";

/** One line of a watch. */
export type WatchEvent =
  | { readonly type: "put"; readonly held: HeldObject }
  | { readonly type: "deleted"; readonly held: HeldObject }
  | { readonly type: "bookmark"; readonly resourceVersion: string }
  | {
      readonly type: "error";
      readonly status: number;
      readonly message: string;
      readonly retryAfterMs?: number;
    };

/** Reads a line; undefined when it is another text. */
export function readWatchEvent(line: string, kind: WatchedKind): WatchEvent | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    // The caller treats what it can't read as a broken watch.
    return undefined;
  }
  if (!isJsonObject(json)) return undefined;
  const { type, object } = json;
  if (!isJsonObject(object)) return undefined;
  if (type === "ERROR") {
    const seconds = objectOf(object, "details")?.retryAfterSeconds;
    return {
      type: "error",
      status: typeof object.code === "number" ? object.code : 500,
      message: textOf(object, "message").slice(0, 1_000),
      ...(typeof seconds === "number" ? { retryAfterMs: seconds * 1_000 } : {}),
    };
  }
  if (type === "BOOKMARK") {
    const resourceVersion = textOf(objectOf(object, "metadata"), "resourceVersion");
    return resourceVersion === "" ? undefined : { type: "bookmark", resourceVersion };
  }
  const held = readObject(object, kind);
  if (held === undefined) return undefined;
  if (type === "ADDED" || type === "MODIFIED") return { type: "put", held };
  return type === "DELETED" ? { type: "deleted", held } : undefined;
}
