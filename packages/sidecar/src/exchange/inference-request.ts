import type { Headers } from "@umbra/ext-proc";
import { type InferenceRequest, sessionKey } from "@umbra/scheduler";
import { profileAttribute } from "@umbra/scheduler/config";
import type { RequestFields } from "../openai/read-request.ts";
import {
  controlHeader,
  objectiveHeader,
  tpotHeader,
  ttftHeader,
  wantedMs,
} from "./control-headers.ts";
import type { ServedPool } from "./pool-registry.ts";

/** The header by which clients of the reference endpoint picker choose a profile. */
const profileHeader = "epp-profile";

/** What the scheduler is told of a request. Its prompt is a view of the body, read while it is picked and never kept. */
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
    /** The endpoints that the gateway allows; undefined: all. */
    readonly subset: readonly string[] | undefined;
  },
): InferenceRequest {
  const { model = "", askedFor, headers, body, fields, subset } = request;
  const prompt = promptOf(body, fields);
  const session = sessionKey((name) => headers.get(name));
  const outputTokens = outputLimit(fields);
  const priority =
    pool.objectives.size === 0
      ? undefined
      : pool.objectives.get(controlHeader(headers, objectiveHeader) ?? "");
  const attributes = attributesOf(headers);
  return {
    model,
    criticality: pool.priorityOf(askedFor),
    ...(priority === undefined ? {} : { priority }),
    ...(pool.served.isAdapter(model)
      ? { adapter: model, baseModel: pool.served.baseOf(model) }
      : {}),
    ...(prompt === undefined ? {} : { prompt }),
    ...(session === undefined ? {} : { session }),
    ...(outputTokens === undefined ? {} : { expectedOutputTokens: outputTokens }),
    ...(subset === undefined ? {} : { subset }),
    ...(attributes === undefined ? {} : { attributes }),
  };
}

/** What profiles and plugins of the user's own may go by: the profile asked for, and the times wanted, in ms. */
function attributesOf(headers: Headers): InferenceRequest["attributes"] {
  const profile = headers.get(profileHeader);
  const ttftMs = wantedMs(headers, ttftHeader);
  const tpotMs = wantedMs(headers, tpotHeader);
  if (profile === undefined && ttftMs === undefined && tpotMs === undefined) return undefined;
  return {
    ...(profile === undefined ? {} : { [profileAttribute]: profile }),
    ...(ttftMs === undefined ? {} : { "slo-ttft-ms": String(ttftMs) }),
    ...(tpotMs === undefined ? {} : { "slo-tpot-ms": String(tpotMs) }),
  };
}

/** The raw JSON of the prompt: a conversation's next turn begins with the same bytes. */
function promptOf(body: Uint8Array | undefined, fields: RequestFields): Uint8Array | undefined {
  const field = fields.get("messages") ?? fields.get("prompt") ?? fields.get("input");
  if (body === undefined || field === undefined) return undefined;
  // Without the closing bracket or quote, which the next turn has elsewhere.
  return body.subarray(field.start, Math.max(field.start, field.end - 1));
}

/** A limit is no forecast, but a low one bounds it. */
const longestForecast = 256;

function outputLimit(fields: RequestFields): number | undefined {
  const limit = fields.get("max_completion_tokens") ?? fields.get("max_tokens");
  const isLow = limit?.kind === "number" && limit.value > 0 && limit.value < longestForecast;
  return isLow ? limit.value : undefined;
}
