import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as an endpoint got it. */
export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly body: string;
}

/** A fake model server that keeps what it gets, and answers every completion with one word. It has no metrics. */
export async function startRecordingServer(): Promise<{
  readonly address: string;
  readonly received: readonly Received[];
  close(): Promise<void>;
}> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method !== "POST") {
        response.writeHead(404).end();
        return;
      }
      const body = Buffer.concat(chunks).toString();
      received.push({ headers: request.headers, path: request.url ?? "", body });
      response.writeHead(200, { "content-type": "application/json" });
      const choices = [{ message: { content: "yes" }, finish_reason: "stop" }];
      response.end(JSON.stringify({ id: `rec-${received.length}`, choices }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
