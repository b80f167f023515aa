import { timingSafeEqual } from "node:crypto";
import type { Decision, Headers } from "@umbra/ext-proc";
import type { ServedPool } from "../pools/served-pool.ts";

/**
 * Answers `GET /v1/models` with one merged list if the endpoints of a pool serve different models; undefined if an
 * endpoint should answer. If an endpoint shows its list only with its key, only a client with Umbra's key gets the
 * merged list. Other clients are left to an endpoint, which can reject them. This includes all clients of a rendered
 * gateway, which does not send their credentials to the sidecar.
 *
 * @param path the endpoint's path, without the query
 */
export function modelListReply(
  pool: ServedPool,
  path: string,
  headers: Headers,
  authorization: Authorization | undefined,
): Extract<Decision, { kind: "reply" }> | undefined {
  if (path !== "/v1/models" || headers.get(":method") !== "GET") return undefined;
  if (pool.served.isGuarded && !isEqual(headers.get("authorization"), authorization?.())) {
    return undefined;
  }
  const { union } = pool.served;
  if (union === undefined) return undefined;
  return {
    kind: "reply",
    status: 200,
    headers: [{ name: "content-type", value: "application/json" }],
    body: union,
    details: "model_list",
  };
}

/** Returns the `authorization` header of Umbra's own requests to endpoints; undefined: no key. */
type Authorization = () => string | undefined;

function isEqual(given: string | undefined, wanted: string | undefined): boolean {
  if (wanted === undefined) return false;
  const [a, b] = [Buffer.from(given ?? ""), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
