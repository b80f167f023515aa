// Model servers that do as they are told, on the ports that the arguments name. A message `{ port, ...behaviour }` from the
// parent changes one; each ends when the parent does. A process of their own: their floods must not slow the clients.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AnswerKind, answers } from "./hostile-answers.ts";
import { type MetricsKind, metricsPages } from "./hostile-pages.ts";

/** How one server behaves. */
export interface Behaviour {
  readonly answer: AnswerKind;
  readonly metrics: MetricsKind;
  readonly models: "served" | "many" | "deep" | "hang";
}

export interface BehaviourMessage extends Partial<Behaviour> {
  readonly port: number;
}

const usual: Behaviour = { answer: "well", metrics: "well", models: "served" };
const mostHeaders = 1 << 20;

const models: Readonly<Record<Behaviour["models"], () => string | undefined>> = {
  served: () => JSON.stringify({ object: "list", data: [{ id: "m" }] }),
  many: () =>
    JSON.stringify({ data: Array.from({ length: 100_000 }, (_, i) => ({ id: `m${i}` })) }),
  deep: () => "[".repeat(250_000),
  hang: () => undefined,
};

function listen(port: number): (behaviour: Partial<Behaviour>) => void {
  let now = usual;
  const server = createServer(
    { requestTimeout: 0, keepAliveTimeout: 60_000, maxHeaderSize: mostHeaders },
    (request: IncomingMessage, response: ServerResponse) => {
      response.on("error", () => {});
      if (request.url === "/metrics") return metricsPages[now.metrics](response);
      if (request.url === "/v1/models") {
        const list = models[now.models]();
        if (list !== undefined) response.end(list);
        return;
      }
      let head = "";
      request.on("data", (chunk: Buffer) => {
        if (head.length < 1_024) head += chunk.toString("latin1", 0, 1_024);
      });
      request.on("end", () => answers[now.answer](response, /"stream"\s*:\s*true/.test(head)));
    },
  );
  server.on("clientError", (_error, socket) => socket.destroy());
  server.listen(port, "127.0.0.1");
  return (behaviour) => {
    now = { ...now, ...behaviour };
  };
}

const byPort = new Map(process.argv.slice(2).map((port) => [Number(port), listen(Number(port))]));
process.on("message", ({ port, ...behaviour }: BehaviourMessage) => byPort.get(port)?.(behaviour));
process.on("disconnect", () => process.exit());
process.send?.("ready");
