import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface SecretServer {
  readonly address: string;
  /** All texts that it has sent. */
  readonly texts: readonly string[];
  close(): Promise<void>;
}

/**
 * A model server whose answers, streamed or whole, are texts and tool calls that `write` makes.
 *
 * @param guard the value of the answers' header `x-guard`
 */
export async function startSecretServer(write: () => string, guard: string): Promise<SecretServer> {
  const texts: string[] = [];
  const secret = () => {
    const text = write();
    texts.push(text);
    return text;
  };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString("utf8");
    });
    request.on("end", () => {
      if (request.method !== "POST") {
        response.writeHead(404).end();
        return;
      }
      response.setHeader("x-guard", guard);
      const hasTools = body.includes('"tools"');
      const args = JSON.stringify({ city: hasTools ? secret() : "" });
      const calls = [{ index: 0, id: "call", function: { name: "look", arguments: args } }];
      const message = { content: secret(), ...(hasTools ? { tool_calls: calls } : {}) };
      if (body.includes('"stream":true')) stream(message, response);
      else whole(message, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ address: `127.0.0.1:${port}`, texts },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Message {
  readonly content: string;
  readonly tool_calls?: unknown;
}

const usage = { prompt_tokens: 20, completion_tokens: 40, total_tokens: 60 };

function whole(message: Message, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json" });
  const choice = { index: 0, message: { role: "assistant", ...message }, finish_reason: "stop" };
  response.end(JSON.stringify({ object: "chat.completion", choices: [choice], usage }));
}

/** In pieces of seven characters. */
function stream({ content, ...others }: Message, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (delta: object, more: object = {}) =>
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta, ...more }] })}\n\n`);
  for (const piece of content.match(/.{1,7}/gsu) ?? []) send({ content: piece });
  send(others, { finish_reason: "stop" });
  response.end("data: [DONE]\n\n");
}
