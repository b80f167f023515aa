import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What the judge was asked: the JSON document of the user's message, and the whole request. */
export interface JudgeCallSeen {
  readonly conversation: string;
  readonly answer_a: string;
  readonly answer_b: string;
  readonly authorization: string | undefined;
  readonly request: string;
}

export interface SimulatedJudge {
  /** URL of its chat completions. */
  readonly endpoint: string;
  readonly seen: readonly JudgeCallSeen[];
  close(): Promise<void>;
}

/** What the judge answers: a verdict, or a whole HTTP answer. */
export type JudgeReply =
  | string
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** Never. */
  | "silence";

/** The name says that it is no model. */
export const simulatedJudgeModel = "simulated-judge";

/** Answers like a judge model by a rule. */
export async function startSimulatedJudge(
  rule: (seen: JudgeCallSeen) => JudgeReply,
): Promise<SimulatedJudge> {
  const seen: JudgeCallSeen[] = [];
  const server = createServer((incoming, outgoing) => {
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.on("end", () => {
      const request = Buffer.concat(pieces).toString("utf8");
      const call = {
        ...questionOf(request),
        authorization: incoming.headers.authorization,
        request,
      };
      seen.push(call);
      const reply = rule(call);
      if (reply === "silence") return;
      const {
        status,
        headers = {},
        body = "",
      } = typeof reply === "string" ? { status: 200, body: completion(reply) } : reply;
      outgoing.writeHead(status, { "content-type": "application/json", ...headers });
      outgoing.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}/v1/chat/completions`,
    seen,
    close: () => closed(server),
  };
}

/** A chat completion with this content. */
export function completion(content: string): string {
  return JSON.stringify({
    model: simulatedJudgeModel,
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 100, completion_tokens: 5, total_tokens: 105 },
  });
}

function questionOf(
  request: string,
): Pick<JudgeCallSeen, "conversation" | "answer_a" | "answer_b"> {
  const { messages } = JSON.parse(request) as {
    readonly messages: readonly { readonly role: string; readonly content: string }[];
  };
  const asked = messages.find(({ role }) => role === "user")?.content ?? "{}";
  return JSON.parse(asked) as Pick<JudgeCallSeen, "conversation" | "answer_a" | "answer_b">;
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
