import type { Eligibility } from "@umbra/envoy-config";
import { everyElement, type JsonField, jsonKeys } from "@umbra/openai/json";
import type { RequestView } from "./request-view.ts";

/** Why a request may not be mirrored: the first of these that applies, a closed list. */
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
 * Why a request may not be mirrored; undefined where it may: the policy names it, and sending it twice changes nothing in
 * the world. A path counts as the endpoint gets it or as the client sent it.
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

/** Requests that a server keeps, or that lean on one that it kept. */
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
  // Responses are stored unless the request says no.
  const store = fields.get("store");
  const isKept = store?.kind !== "boolean" || store.value;
  return request.path === "/v1/responses" && isKept;
}

/** A list of tools larger than this is not looked into, and its request not mirrored. */
const maxToolsBytes = 262_144;
/** Tools that the client runs: the model only proposes the call. */
const clientTools: ReadonlySet<string> = new Set(["function", "custom"]);
const typeKey = jsonKeys(["type"], []);

/** Tools that the server runs would run twice. */
function hasServerTools(request: RequestView): boolean {
  const fields = request.fields;
  const isGiven = (field: JsonField | undefined) => field !== undefined && field.kind !== "null";
  if (isGiven(fields.get("mcp_servers")) || isGiven(fields.get("web_search_options"))) return true;
  const tools = fields.get("tools");
  if (tools?.kind !== "array") return false;
  if (tools.end - tools.start > maxToolsBytes) return true;
  return !everyElement(request.body, tools, typeKey, isClientTool);
}

/** A tool without a type is one of the older form. */
function isClientTool(type: JsonField | undefined): boolean {
  return type === undefined || (type.kind === "string" && clientTools.has(type.value));
}
