import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface FloodingServer {
  readonly address: string;
  /** Requests that were answered by a flood. */
  readonly floods: () => number;
  close(): Promise<void>;
}

const event = `data: ${JSON.stringify({ id: "f", choices: [{ delta: { content: "flood " } }] })}\n\n`;
const piece = event.repeat(1_000);

/** A model server whose streams are tokens as fast as they are taken, for `floodMs` each. */
export async function startFloodingServer(floodMs: number): Promise<FloodingServer> {
  let floods = 0;
  const flood = (response: ServerResponse) => {
    const endMs = performance.now() + floodMs;
    const write = () => {
      while (!response.destroyed && performance.now() < endMs) {
        if (response.write(piece)) continue;
        response.once("drain", write);
        return;
      }
      response.end("data: [DONE]\n\n");
    };
    write();
  };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      if (request.method !== "POST") {
        response.writeHead(404).end();
        return;
      }
      floods++;
      response.writeHead(200, { "content-type": "text/event-stream" });
      flood(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    floods: () => floods,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
