import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface SlowServer {
  readonly address: string;
  /** Requests whose client has gone before the answer was complete. */
  readonly abandoned: () => number;
  close(): Promise<void>;
}

/** A model server whose answers take as long as the request's header `x-take-ms` says; streams begin at once. */
export async function startSlowServer(): Promise<SlowServer> {
  let abandoned = 0;
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      if (request.method !== "POST") {
        response.writeHead(404).end();
        return;
      }
      const isStream = /"stream": ?true/.test(body);
      const type = isStream ? "text/event-stream" : "application/json";
      if (isStream) response.writeHead(200, { "content-type": type }).write("data: {}\n\n");
      const timer = setTimeout(
        () => {
          if (!isStream) response.writeHead(200, { "content-type": type });
          response.end(isStream ? "data: [DONE]\n\n" : "{}");
        },
        Number(request.headers["x-take-ms"] ?? 0),
      );
      response.on("close", () => {
        clearTimeout(timer);
        if (!response.writableFinished) abandoned += 1;
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    abandoned: () => abandoned,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
