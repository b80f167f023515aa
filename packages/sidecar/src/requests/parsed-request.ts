import type { HeaderEntry } from "@umbra/envoy-config";
import type { Decision, Headers, StandingRoute } from "@umbra/ext-proc";
import type { ReadRequest } from "@umbra/openai";
import { type InferenceRequest, priorityOf } from "@umbra/scheduler";
import type { MadeDecision } from "../decision/request-account.ts";
import type { ServedPool } from "../pools/served-pool.ts";

/** A parsed request, until an endpoint is picked for it. */
export interface ParsedRequest {
  readonly pool: ServedPool;
  readonly headers: Headers;
  readonly body: Uint8Array | undefined;
  /** True if the body arrived compressed and is forwarded decompressed. */
  readonly isDecoded: boolean;
  readonly read: ReadRequest;
  /** The model for the endpoint. */
  readonly model: string | undefined;
  /** The changed body for the endpoint, instead of the client's. */
  readonly changedBody: Uint8Array | undefined;
  /** The scheduler's view of the request. */
  readonly inference: InferenceRequest;
  readonly bodyBytes: number;
}

/** Facts about a decision, other than its result and duration. */
export type DecisionFacts = Omit<MadeDecision, "outcome" | "tookMs">;

export function decisionFacts(
  { read, model, inference, bodyBytes }: ParsedRequest,
  waitedMs: number | undefined,
): DecisionFacts {
  return {
    model: read.model,
    target: model,
    priority: priorityOf(inference),
    isStream: read.isStream,
    bodyBytes,
    waitedMs,
  };
}

/** Memory that a request holds while it waits, in bytes: its body, and each copy of its body or parts of it. */
export function heldBytes({
  body,
  changedBody,
  inference: { prompt },
}: Pick<ParsedRequest, "body" | "changedBody" | "inference">): number {
  const ownBytes = (part: Uint8Array | undefined) =>
    part === undefined || part.buffer === body?.buffer ? 0 : part.length;
  return (body?.length ?? 0) + ownBytes(changedBody) + ownBytes(prompt);
}

/** The decision that routes the request to its endpoint. Shared by many requests if nothing in it is specific. */
export function routeDecision(
  route: StandingRoute,
  twins: readonly HeaderEntry[],
  traces: readonly HeaderEntry[],
  { changedBody: body, isDecoded }: ParsedRequest,
): Decision {
  if (body === undefined && twins.length === 0 && traces.length === 0) return route;
  const setHeaders = [...route.setHeaders, ...twins];
  // Envoy rejects a body whose length differs from its headers.
  if (body !== undefined) setHeaders.push({ name: "content-length", value: String(body.length) });
  setHeaders.push(...traces);
  const { dynamicMetadata } = route;
  return {
    kind: "route",
    setHeaders,
    ...(isDecoded ? { removeHeaders: ["content-encoding"] } : {}),
    ...(body === undefined ? {} : { body }),
    ...(dynamicMetadata === undefined ? {} : { dynamicMetadata }),
  };
}
