import { isJsonObject, type Json } from "./canonical-json.ts";
import { contentText } from "./content-text.ts";
import { headOf, normalizeText } from "./normalized-text.ts";
import { type Script, scriptOf } from "./script.ts";
import type { OfferedTool } from "./tool-calls.ts";

/** How tokens are chosen. `greedy`: always the likeliest; `seeded`: at random, repeatably; `sampled`: at random. */
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
  /** Script of the last message of the user; null if it has few letters. */
  readonly script?: Script | null;
}

/** Characters of the user's message whose script is looked at. */
const scriptChars = 4_096;
/** Most tools that are looked at. Further ones are unknown, so answers that call them can't be judged. */
const maxTools = 1_024;

/** Reads the body of a chat completion request, an OpenAI or Anthropic one. Undefined if it is no JSON object. */
export function readComparedRequest(body: Json): ComparedRequest | undefined {
  if (!isJsonObject(body)) return undefined;
  const tools = offeredTools(body.tools);
  const schema = answerSchema(body);
  const asked = headOf(lastUserText(body.messages), scriptChars);
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

function asksForJson({ response_format: format, guided_json: guided }: Body): boolean {
  if (guided !== undefined && guided !== null) return true;
  return isJsonObject(format) && (format.type === "json_object" || format.type === "json_schema");
}

function answerSchema({ response_format: format, guided_json: guided }: Body): Json {
  if (isJsonObject(guided)) return guided;
  if (!isJsonObject(format) || !isJsonObject(format.json_schema)) return undefined;
  return format.json_schema.schema;
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
  if (!Array.isArray(messages)) return "";
  const last = (messages as readonly Json[]).findLast(
    (message) => isJsonObject(message) && message.role === "user",
  );
  return isJsonObject(last) ? contentText(last.content) : "";
}
