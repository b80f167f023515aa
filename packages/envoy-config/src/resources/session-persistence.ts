import { durationMs } from "./duration.ts";
import type { Reader } from "./reader.ts";
import type { SessionPersistence } from "./resources.ts";

/** Reads `sessionPersistence` of a rule (GEP-1619). */
export function readSessionPersistence(from: Reader): SessionPersistence {
  const type = from.oneOf("type", ["Cookie", "Header"]) ?? "Cookie";
  const name = from.string("sessionName");
  const absoluteMs = durationMs(from, "absoluteTimeout");
  const idleMs = durationMs(from, "idleTimeout");
  const cookie = from.map("cookieConfig");
  const lifetime =
    cookie?.whole((each) => each.oneOf("lifetimeType", ["Permanent", "Session"])) ?? "Session";
  if (name !== undefined && !/^[A-Za-z0-9_.-]{1,128}$/.test(name)) {
    from.wrong("`sessionName` is not a valid name of a cookie or header", "sessionName");
  }
  if (type === "Header" && cookie !== undefined) {
    from.wrong("`cookieConfig` needs a session of type Cookie", "cookieConfig");
  }
  if (lifetime === "Permanent" && absoluteMs === undefined) {
    from.report("error", "UMB0103", "`absoluteTimeout` is missing: a permanent cookie needs one");
  }
  return {
    kind: type === "Cookie" ? "cookie" : "header",
    name: name === "" ? undefined : name,
    isPermanent: lifetime === "Permanent",
    absoluteMs,
    hasIdleTimeout: idleMs !== undefined,
    place: from.place(),
  };
}
