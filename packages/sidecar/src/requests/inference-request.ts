import { controlHeaders } from "@umbra/envoy-config";
import type { Headers } from "@umbra/ext-proc";
import { promptOf, type RequestFields } from "@umbra/openai";
import { type InferenceRequest, sessionKey } from "@umbra/scheduler";
import { profileAttribute } from "@umbra/scheduler/config";
import { controlHeader, wantedMs } from "../decision/control-headers.ts";
import type { ServedPool } from "../pools/pool-registry.ts";

/** What the scheduler is told of a request. Its prompt is mostly a view of the body, read while it is picked and never kept. */
export function inferenceRequest(
  pool: ServedPool,
  request: {
    /** As the endpoint is asked for it. */
    readonly model: string | undefined;
    /** As the client named it. */
    readonly askedFor: string | undefined;
    readonly headers: Headers;
    readonly body: Uint8Array | undefined;
    readonly fields: RequestFields;
    /** The conversation that the headers name. */
    readonly session: string | undefined;
    /** The endpoints that the gateway allows; undefined: all. */
    readonly subset: readonly string[] | undefined;
  },
): InferenceRequest {
  const { model = "", askedFor, headers, body, fields, session, subset } = request;
  // Written field by field: at some thousand a second the spreading of objects shows.
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

/** The conversation that the headers name, if they do. */
export function sessionOf(headers: Headers): string | undefined {
  return sessionKey((name) => headers.get(name));
}

/** What profiles and plugins of the user's own may go by: the profile asked for, and the times wanted, in ms. */
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

/** A limit is no forecast, but a low one bounds it. */
const longestForecast = 256;

function outputLimit(fields: RequestFields): number | undefined {
  const limit = fields.get("max_completion_tokens") ?? fields.get("max_tokens");
  const isLow = limit?.kind === "number" && limit.value > 0 && limit.value < longestForecast;
  return isLow ? limit.value : undefined;
}
