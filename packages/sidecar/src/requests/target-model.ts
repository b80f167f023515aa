import { controlHeaders, type Mirror } from "@umbra/envoy-config";
import type { Headers } from "@umbra/ext-proc";
import { isModelName, type ReadRequest, withModel } from "@umbra/openai";
import { controlHeader } from "../decision/control-headers.ts";
import { addedFields } from "../mirror/repeatable-twin.ts";
import { rewriteBody, shadowModel } from "../mirror/rewrite-body.ts";
import type { ServedPool } from "../pools/served-pool.ts";
import { isServed } from "./read-model.ts";

/** The model for the endpoint, and the changed body if it differs from the client's model. */
export interface Target {
  readonly model: string | undefined;
  readonly body: Uint8Array | undefined;
  /** True if the client's control header names a model that the pool does not serve. */
  readonly unserved?: string;
}

/** Resolves the model from the pool's rewrites, else from the client's control header. */
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
    // A header must not request more than the body, which was checked.
    if (name !== model && !isServed(pool, name)) return { model, body: undefined, unserved: name };
  }
  if (name === model || !isModelName(name)) return { model, body: undefined };
  return { model: name, body: withModel(body, read, name) };
}

/** What is known about a twin. */
export interface TwinRequest {
  readonly requestId: string;
  /** The endpoint's path. */
  readonly path: string;
  /** The client's model name, if the primary's rewrite changed the body: policies use the client's names. */
  readonly clientModel: string | undefined;
}

/** Resolves the twin's model and body. Without its mirror, both are the client's. */
export function shadowTarget(
  mirror: Mirror | undefined,
  body: Uint8Array | undefined,
  read: ReadRequest,
  { requestId, path, clientModel }: TwinRequest,
): Target {
  const rewrite = mirror?.policy?.rewrite;
  if (mirror === undefined || rewrite === undefined) return { model: read.model, body: undefined };
  const name = shadowModel(clientModel, read.model, rewrite);
  if (read.isForm && body !== undefined && name !== undefined) {
    return { model: name, body: name === read.model ? undefined : withModel(body, read, name) };
  }
  const added = addedFields(mirror, { requestId, path });
  const request = { path, model: read.model, clientModel, isStream: read.isStream, added };
  return {
    model: name,
    body: body === undefined ? undefined : rewriteBody(body, request, rewrite),
  };
}
