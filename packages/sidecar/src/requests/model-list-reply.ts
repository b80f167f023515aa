import { timingSafeEqual } from "node:crypto";
import type { Decision, Headers } from "@umbra/ext-proc";
import type { ServedPool } from "../pools/pool-registry.ts";

/**
 * Answers `GET /v1/models` of a pool whose endpoints serve different names, with one list of all; undefined where an
 * endpoint is to answer. Where an endpoint shows its list only to those who have its key, only a client whose key is
 * Umbra's gets this answer: the others are left to an endpoint, which knows whom to refuse. So are all clients of a
 * rendered gateway, which keeps their credentials from the sidecar.
 *
 * @param path as the endpoint would get it, without the query
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

/** What Umbra's own requests to endpoints carry; undefined: no key. */
type Authorization = () => string | undefined;

function isEqual(given: string | undefined, wanted: string | undefined): boolean {
  if (wanted === undefined) return false;
  const [a, b] = [Buffer.from(given ?? ""), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
