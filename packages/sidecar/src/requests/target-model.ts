import { controlHeaders, type MirrorRewrite } from "@umbra/envoy-config";
import type { Headers } from "@umbra/ext-proc";
import { isModelName, type ReadRequest, withModel } from "@umbra/openai";
import { controlHeader } from "../decision/control-headers.ts";
import { rewriteBody, shadowModel } from "../mirror/rewrite-body.ts";
import type { ServedPool } from "../pools/pool-registry.ts";
import { isServed } from "./read-model.ts";

/** The model that the endpoint is asked for, and the body that says so where it is another than the client's. */
export interface Target {
  readonly model: string | undefined;
  readonly body: Uint8Array | undefined;
  /** The client's control header names a model that the pool does not serve. */
  readonly unserved?: string;
}

/** As the pool's rewrites say, else the client's own control header. */
export function primaryTarget(
  pool: ServedPool,
  headers: Headers,
  body: Uint8Array | undefined,
  read: ReadRequest,
  session: string | undefined,
): Target {
  const { model } = read;
  if (model === undefined || body === undefined) return { model, body: undefined };
  let name = pool.rewrite(model, session);
  if (name === model) {
    name = controlHeader(headers, controlHeaders.modelRewrite) ?? model;
    // A client may ask for no more by a header than by the body, which was checked.
    if (name !== model && !isServed(pool, name)) return { model, body: undefined, unserved: name };
  }
  if (name === model || !isModelName(name)) return { model, body: undefined };
  return { model: name, body: withModel(body, read, name) };
}

/**
 * The copy as the shadow is to see it.
 *
 * @param path as the endpoint gets it
 * @param clientModel where the primary's rewrite has put another name in the body: the policy's names are the client's
 */
export function shadowTarget(
  rewrite: MirrorRewrite | undefined,
  path: string,
  body: Uint8Array | undefined,
  read: ReadRequest,
  clientModel: string | undefined,
): Target {
  if (rewrite === undefined) return { model: read.model, body: undefined };
  const name = shadowModel(clientModel, read.model, rewrite);
  if (read.isForm && body !== undefined && name !== undefined) {
    return { model: name, body: name === read.model ? undefined : withModel(body, read, name) };
  }
  const request = { path, model: read.model, clientModel, isStream: read.isStream };
  return {
    model: name,
    body: body === undefined ? undefined : rewriteBody(body, request, rewrite),
  };
}
