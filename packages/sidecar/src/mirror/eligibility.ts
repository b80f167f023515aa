import type { Eligibility } from "@umbra/envoy-config";
import { everyElement, type JsonField, jsonKeys } from "@umbra/openai/json";
import type { RequestView } from "./request-view.ts";

/** Reasons why a request is not eligible for mirroring. The first one that applies is used. */
export const ineligibleReasons = [
  "method",
  "path",
  "model",
  "priority",
  "header",
  "stateful",
  "server_tools",
] as const;

export type IneligibleReason = (typeof ineligibleReasons)[number];

/**
 * Returns the reason why a request is not eligible; undefined if it is: the policy allows it, and sending it twice has
 * no side effects. The path may match in the endpoint's or in the client's form.
 */
export function ineligibleFor(
  request: RequestView,
  eligible: Eligibility,
): IneligibleReason | undefined {
  const { method, path, clientPath, model, priority, headers } = request;
  const { paths, models, priorities } = eligible;
  if (method !== "POST") return "method";
  if (!paths.includes(path) && !paths.includes(clientPath)) return "path";
  if (models !== undefined && !models.includes(model ?? "")) return "model";
  if (priorities !== undefined && !priorities.includes(priority)) return "priority";
  if (!eligible.headers.every(({ name, value }) => headers.get(name) === value)) return "header";
  if (isStateful(request)) return "stateful";
  return hasServerTools(request) ? "server_tools" : undefined;
}

/** True for requests that a server stores, or that refer to a stored one. */
function isStateful(request: RequestView): boolean {
  const fields = request.fields;
  const isTrue = (name: string) => {
    const field = fields.get(name);
    return field?.kind === "boolean" && field.value;
  };
  const isGiven = (name: string) => (fields.get(name)?.kind ?? "null") !== "null";
  if (isTrue("store") || isTrue("background")) return true;
  if (isGiven("previous_response_id") || isGiven("conversation") || isGiven("container")) {
    return true;
  }
  // The Responses API stores responses unless the request disables it.
  const store = fields.get("store");
  const isKept = store?.kind !== "boolean" || store.value;
  return request.path === "/v1/responses" && isKept;
}

/** Larger tool lists are not parsed, and the request is not mirrored. */
const maxToolsBytes = 262_144;
/** Types of tools that the client runs: the model only proposes the call. */
const clientTools: ReadonlySet<string> = new Set(["function", "custom"]);
const typeKey = jsonKeys(["type"], []);

/** True if the request has tools that the server runs, which would run twice. */
function hasServerTools(request: RequestView): boolean {
  const fields = request.fields;
  const isGiven = (field: JsonField | undefined) => field !== undefined && field.kind !== "null";
  if (isGiven(fields.get("mcp_servers")) || isGiven(fields.get("web_search_options"))) return true;
  const tools = fields.get("tools");
  if (tools?.kind !== "array") return false;
  if (tools.end - tools.start > maxToolsBytes) return true;
  return !everyElement(request.body, tools, typeKey, isClientTool);
}

/** A tool without a type has the older format. */
function isClientTool(type: JsonField | undefined): boolean {
  return type === undefined || (type.kind === "string" && clientTools.has(type.value));
}
