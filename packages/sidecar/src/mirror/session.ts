import type { MirrorSampling } from "@umbra/envoy-config";
import type { JsonField } from "@umbra/openai/json";
import type { RequestView } from "./request-view.ts";

/** Returns the session of a request for sampling; undefined if it has none or is sampled individually. */
export function sessionOf(request: RequestView, sampling: MirrorSampling): string | undefined {
  if (sampling.by === "request") return undefined;
  const { sessionKey } = sampling;
  switch (sessionKey.kind) {
    case "header":
      return request.headers.get(sessionKey.name);
    case "user": {
      const user = request.fields.get("user");
      return user?.kind === "string" && user.value !== "" ? user.value : undefined;
    }
    case "prompt":
      return promptStart(request, sessionKey.bytes);
  }
}

/** Longer prompts are not parsed: their first bytes stay the same in each turn. */
const maxParsedBytes = 65_536;

/**
 * Returns the prompt up to its first user message, at most `bytes` bytes. Later turns append to the conversation, so
 * this part never changes.
 */
function promptStart(request: RequestView, bytes: number): string | undefined {
  const fields = request.fields;
  const field = fields.get("messages") ?? fields.get("prompt") ?? fields.get("input");
  if (field === undefined) return undefined;
  const isShort = field.kind === "array" && field.end - field.start <= maxParsedBytes;
  const prompt = view(request.body, field);
  const opening = isShort ? firstTurn(prompt.toString()) : undefined;
  return opening?.slice(0, bytes) ?? prompt.toString("latin1", 0, bytes);
}

function view(body: Uint8Array, { start, end }: JsonField): Buffer {
  return Buffer.from(body.buffer, body.byteOffset + start, end - start);
}

function firstTurn(prompt: string): string | undefined {
  try {
    const messages = JSON.parse(prompt) as readonly unknown[];
    const first = messages.findIndex(
      (each) => typeof each === "object" && each !== null && "role" in each && each.role === "user",
    );
    return JSON.stringify(messages.slice(0, first + 1 || 1));
  } catch {
    // Invalid JSON: uses the raw bytes.
    return undefined;
  }
}
