import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What an echo server got, which is also what it answers, as JSON. */
export interface Echo {
  readonly from: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly host: string;
  readonly headers: IncomingHttpHeaders;
}

export interface EchoServer {
  readonly name: string;
  readonly address: string;
  readonly received: readonly Echo[];
  close(): Promise<void>;
}

/**
 * A backend that answers with the request it got. Its query says how: `delay=MS` first waits, `fail=STATUS&times=N&id=ID`
 * answers the first N requests of the id with the status (0 breaks the connection). The header `x-echo: name: value`
 * comes back as a header of the answer.
 */
export async function startEchoServer(name: string): Promise<EchoServer> {
  const received: Echo[] = [];
  const asked = new Map<string, number>();
  const server = createServer((request, response) => {
    const { method = "", url: path = "", headers } = request;
    const echo: Echo = { from: name, method, path, host: headers.host ?? "", headers };
    received.push(echo);
    request.resume();
    const query = new URLSearchParams(path.split("?")[1]);
    setTimeout(() => answer(echo, query, response), Number(query.get("delay") ?? 0));
  });
  function answer(echo: Echo, query: URLSearchParams, response: ServerResponse): void {
    const id = query.get("id") ?? "";
    const times = asked.get(id) ?? 0;
    asked.set(id, times + 1);
    const status = times < Number(query.get("times") ?? 0) ? Number(query.get("fail")) : 200;
    if (status === 0) {
      response.destroy();
      return;
    }
    const [header, value = ""] = String(echo.headers["x-echo"] ?? "").split(": ");
    response.writeHead(status, {
      "content-type": "application/json",
      ...(header === undefined || header === "" ? {} : { [header]: value }),
    });
    response.end(JSON.stringify(echo));
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    name,
    address: `127.0.0.1:${port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
