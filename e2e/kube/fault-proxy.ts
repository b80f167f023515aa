import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { request as requestTls } from "node:https";
import type { AddressInfo } from "node:net";

/** A LIST that went through, not counting its further pages. */
export interface SeenList {
  /** Of the client: what its user agent says. */
  readonly client: string;
  readonly path: string;
  readonly atMs: number;
}

/** An answer to LISTs in place of the API server's. */
export interface ListFault {
  readonly status: 429 | 500;
  readonly times: number;
}

/** Is between clients and a real API server, sees their LISTs, and answers some of them with a fault. */
export class FaultProxy {
  readonly lists: SeenList[] = [];
  readonly #upstream: URL;
  readonly #server: Server;
  #fault: ListFault | undefined;
  #left = 0;

  private constructor(upstream: string) {
    this.#upstream = new URL(upstream);
    this.#server = createServer((request, response) => this.#pass(request, response));
  }

  static async start(upstream: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstream);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many faults are still to be given. */
  get left(): number {
    return this.#left;
  }

  fail(fault: ListFault): void {
    this.#fault = fault;
    this.#left = fault.times;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.url);
    const isList = searchParams.has("limit");
    if (isList && !searchParams.has("continue")) {
      const client = request.headers["user-agent"] ?? "";
      this.lists.push({ client, path: pathname, atMs: performance.now() });
    }
    if (isList && this.#fault !== undefined && this.#left > 0) {
      this.#left--;
      refuse(response, this.#fault.status);
      return;
    }
    const { hostname, port } = this.#upstream;
    const { host: _, ...headers } = request.headers;
    const options = { hostname, port, path: request.url, method: request.method, headers };
    const passed = requestTls({ ...options, rejectUnauthorized: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    response.on("close", () => passed.destroy());
    request.pipe(passed);
  }
}

function refuse(response: ServerResponse, code: number): void {
  const reason = code === 429 ? "TooManyRequests" : "InternalError";
  const status = { kind: "Status", apiVersion: "v1", status: "Failure", reason, code };
  const waiting = code === 429 ? { "retry-after": "1" } : {};
  response.writeHead(code, { "content-type": "application/json", ...waiting });
  response.end(JSON.stringify({ ...status, message: "as the test wants it" }));
}
