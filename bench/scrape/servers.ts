// Many small HTTP servers in one process, each with a metrics page; prints their ports when they listen.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { vllmPage } from "../metrics/vllm-page.ts";

const [count = "200", bytes = "20000"] = process.argv.slice(2);
const page = Buffer.from(vllmPage(Number(bytes)));
const models = Buffer.from('{"object":"list","data":[{"id":"base"}]}');
const ports = await Promise.all(
  Array.from(
    { length: Number(count) },
    () =>
      new Promise<number>((resolve) => {
        const server = createServer((request, response) => {
          const body = request.url === "/metrics" ? page : models;
          response.writeHead(200, { "content-length": body.length });
          response.end(body);
        });
        server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
      }),
  ),
);
process.stdout.write(`${JSON.stringify(ports)}\n`);
