import { controlHeaders } from "@umbra/envoy-config";
import type { Headers } from "@umbra/ext-proc";
import { promptOf, type RequestFields } from "@umbra/openai";
import { type InferenceRequest, sessionKey } from "@umbra/scheduler";
import { profileAttribute } from "@umbra/scheduler/config";
import { controlHeader, wantedMs } from "../decision/control-headers.ts";
import type { ServedPool } from "../pools/served-pool.ts";

/** Creates the scheduler's view of a request. Its prompt is usually a view of the body. It is read only during the pick and never kept. */
export function inferenceRequest(
  pool: ServedPool,
  request: {
    /** The model name for the endpoint. */
    readonly model: string | undefined;
    /** The client's model name. */
    readonly askedFor: string | undefined;
    readonly headers: Headers;
    readonly body: Uint8Array | undefined;
    readonly fields: RequestFields;
    /** The session from the headers. */
    readonly session: string | undefined;
    /** Endpoints that the gateway allows; undefined: all. */
    readonly subset: readonly string[] | undefined;
  },
): InferenceRequest {
  const { model = "", askedFor, headers, body, fields, session, subset } = request;
  // Assigns fields one by one: spreading objects is measurable at thousands of requests per second.
  const asked: Draft = { model, criticality: pool.priorityOf(askedFor) };
  const prompt = promptOf(body, fields);
  if (prompt !== undefined) asked.prompt = prompt;
  if (pool.objectives.size > 0) {
    const priority = pool.objectives.get(controlHeader(headers, controlHeaders.objective) ?? "");
    if (priority !== undefined) asked.priority = priority;
  }
  if (pool.served.isAdapter(model)) {
    asked.adapter = model;
    asked.baseModel = pool.served.baseOf(model);
  }
  if (session !== undefined) asked.session = session;
  const outputTokens = outputLimit(fields);
  if (outputTokens !== undefined) asked.expectedOutputTokens = outputTokens;
  if (subset !== undefined) asked.subset = subset;
  const attributes = attributesOf(headers);
  if (attributes !== undefined) asked.attributes = attributes;
  return asked;
}

type Draft = { -readonly [field in keyof InferenceRequest]: InferenceRequest[field] };

/** Returns the session from the headers, if any. */
export function sessionOf(headers: Headers): string | undefined {
  return sessionKey((name) => headers.get(name));
}

/** Attributes for custom profiles and plugins: the requested profile, and the target times, in ms. */
function attributesOf(headers: Headers): InferenceRequest["attributes"] {
  const profile = controlHeader(headers, controlHeaders.profile);
  const ttftMs = wantedMs(headers, controlHeaders.ttft);
  const tpotMs = wantedMs(headers, controlHeaders.tpot);
  if (profile === undefined && ttftMs === undefined && tpotMs === undefined) return undefined;
  return {
    ...(profile === undefined ? {} : { [profileAttribute]: profile }),
    ...(ttftMs === undefined ? {} : { "slo-ttft-ms": String(ttftMs) }),
    ...(tpotMs === undefined ? {} : { "slo-tpot-ms": String(tpotMs) }),
  };
}

/** A limit is not a forecast, but a low limit bounds the length. */
const longestForecast = 256;

function outputLimit(fields: RequestFields): number | undefined {
  const limit = fields.get("max_completion_tokens") ?? fields.get("max_tokens");
  const isLow = limit?.kind === "number" && limit.value > 0 && limit.value < longestForecast;
  return isLow ? limit.value : undefined;
}
