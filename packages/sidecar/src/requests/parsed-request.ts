import type { HeaderEntry } from "@umbra/envoy-config";
import type { Decision, Headers, StandingRoute } from "@umbra/ext-proc";
import type { ReadRequest } from "@umbra/openai";
import { type InferenceRequest, priorityOf } from "@umbra/scheduler";
import type { MadeDecision } from "../decision/request-account.ts";
import type { ServedPool } from "../pools/pool-registry.ts";

/** A request that has been read, until an endpoint is picked for it. */
export interface ParsedRequest {
  readonly pool: ServedPool;
  readonly headers: Headers;
  readonly body: Uint8Array | undefined;
  /** The body came compressed, and goes on as it is here. */
  readonly isDecoded: boolean;
  readonly read: ReadRequest;
  /** The model that the endpoint is asked for. */
  readonly model: string | undefined;
  /** What the endpoint gets in place of the client's body. */
  readonly changedBody: Uint8Array | undefined;
  /** As the scheduler gets it. */
  readonly inference: InferenceRequest;
  readonly bodyBytes: number;
}

/** What is known of a decision, besides what it is and how long it took. */
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

/** Bytes of memory that a request holds while it waits: its body, and each copy of its body or of parts of it. */
export function heldBytes({
  body,
  changedBody,
  inference: { prompt },
}: Pick<ParsedRequest, "body" | "changedBody" | "inference">): number {
  const ownBytes = (part: Uint8Array | undefined) =>
    part === undefined || part.buffer === body?.buffer ? 0 : part.length;
  return (body?.length ?? 0) + ownBytes(changedBody) + ownBytes(prompt);
}

/** The decision that sends the request to its endpoint: the same for many, where nothing of it is its own. */
export function routeDecision(
  route: StandingRoute,
  twins: readonly HeaderEntry[],
  traces: readonly HeaderEntry[],
  { changedBody: body, isDecoded }: ParsedRequest,
): Decision {
  if (body === undefined && twins.length === 0 && traces.length === 0) return route;
  const setHeaders = [...route.setHeaders, ...twins];
  // Envoy refuses a body that is not as long as its headers say.
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
