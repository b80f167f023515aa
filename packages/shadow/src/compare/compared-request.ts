import { isJsonObject, type Json } from "./canonical-json.ts";
import { contentText } from "./content-text.ts";
import { headOf, normalizeText } from "./normalized-text.ts";
import { type Script, scriptOf } from "./script.ts";
import type { OfferedTool } from "./tool-calls.ts";

/** How the model chooses tokens. `greedy`: the likeliest; `seeded`: random but repeatable; `sampled`: random. */
export const decodings = ["greedy", "seeded", "sampled"] as const;

export type Decoding = (typeof decodings)[number];

/** What the comparison of two answers needs to know about their request. */
export interface ComparedRequest {
  readonly decode: Decoding;
  /** `tools`: tools are offered; `json`: the answer must be JSON; `text`: neither. */
  readonly shape: "text" | "json" | "tools";
  /** JSON Schema of the answer. */
  readonly schema?: Json;
  /** Offered tools by name. */
  readonly tools?: ReadonlyMap<string, OfferedTool>;
  /** Script of the user's last message; null if it has too few letters. */
  readonly script?: Script | null;
}

/** Number of characters of the user's message that determine its script. */
const scriptChars = 4_096;
/** Largest number of tools that are read. Calls can't be judged if the request offers more. */
const maxTools = 1_024;

/** Members of a request's body that `readComparedRequest` and `conversationInWords` read. */
export const comparedFields: readonly string[] = [
  ...["temperature", "top_k", "seed", "response_format", "guided_json", "text", "tools"],
  ...["messages", "input", "prompt"],
];

/**
 * Reads the body of a request: OpenAI's chat completions, completions and responses, Anthropic's messages. Undefined if
 * it is not a JSON object.
 */
export function readComparedRequest(body: Json): ComparedRequest | undefined {
  if (!isJsonObject(body)) return undefined;
  const tools = offeredTools(body.tools);
  const schema = answerSchema(body);
  const asked = headOf(lastUserText(body.messages ?? body.input), scriptChars);
  return {
    decode: decodingOf(body),
    shape: tools !== undefined ? "tools" : asksForJson(body) ? "json" : "text",
    ...(schema === undefined ? {} : { schema }),
    ...(tools === undefined ? {} : { tools }),
    script: scriptOf(normalizeText(asked)),
  };
}

type Body = Readonly<Record<string, Json>>;

function decodingOf({ temperature, top_k: topK, seed }: Body): Decoding {
  if (temperature === 0 || topK === 1) return "greedy";
  return typeof seed === "number" && typeof temperature === "number" ? "seeded" : "sampled";
}

function asksForJson(body: Body): boolean {
  const { guided_json: guided } = body;
  if (guided !== undefined && guided !== null) return true;
  const format = formatOf(body);
  return isJsonObject(format) && (format.type === "json_object" || format.type === "json_schema");
}

function answerSchema(body: Body): Json {
  const { guided_json: guided } = body;
  if (isJsonObject(guided)) return guided;
  const format = formatOf(body);
  if (!isJsonObject(format)) return undefined;
  return isJsonObject(format.json_schema) ? format.json_schema.schema : format.schema;
}

/** Responses have the format of the answer in `text`. */
function formatOf({ response_format: format, text }: Body): Json {
  return format ?? (isJsonObject(text) ? text.format : undefined);
}

/** Tools in the form of either API. Undefined if none, or too many, are offered. */
function offeredTools(json: Json): ReadonlyMap<string, OfferedTool> | undefined {
  if (!Array.isArray(json) || json.length === 0 || json.length > maxTools) return undefined;
  const tools = new Map<string, OfferedTool>();
  for (const entry of json as readonly Json[]) {
    if (!isJsonObject(entry)) continue;
    const tool = isJsonObject(entry.function) ? entry.function : entry;
    if (typeof tool.name !== "string") continue;
    const parameters = tool.parameters ?? tool.input_schema;
    tools.set(tool.name, { name: tool.name, ...(parameters === undefined ? {} : { parameters }) });
  }
  return tools.size === 0 ? undefined : tools;
}

function lastUserText(messages: Json): string {
  if (typeof messages === "string") return messages;
  if (!Array.isArray(messages)) return "";
  const last = (messages as readonly Json[]).findLast(
    (message) => isJsonObject(message) && message.role === "user",
  );
  return isJsonObject(last) ? contentText(last.content) : "";
}
