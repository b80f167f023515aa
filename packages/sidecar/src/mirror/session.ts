import type { MirrorSampling } from "@umbra/envoy-config";
import type { JsonField } from "@umbra/openai/json";
import type { RequestView } from "./request-view.ts";

/** What a request is drawn by: its session's name; undefined where it has none, or is drawn by itself. */
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

/** A prompt longer than this is not parsed: its first bytes do not change from turn to turn. */
const maxParsedBytes = 65_536;

/**
 * The prompt up to its first user message, at most `bytes` of it. Later turns append to a conversation, so this part
 * stays the same from its first turn on.
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
    // Not for us to judge: the bytes as they are will do.
    return undefined;
  }
}
