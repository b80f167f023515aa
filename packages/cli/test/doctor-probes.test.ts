import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { type Ran, runCommand } from "./run-command.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A server whose every page is this one. */
async function answering(status: number, body: string): Promise<string> {
  const server = createServer((_, response) => response.writeHead(status).end(body));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** As in a container that has no Envoy; its own sidecar and Envoy are looked for where nothing listens. */
async function doctor(address: string): Promise<Ran> {
  const none = ["--admin", "127.0.0.1:2", "--envoy-admin", "127.0.0.1:3", "--grpc", "unix:/none"];
  const flags = ["--probes", address, "--timeout", "1", ...none, "-o", "json"];
  return runCommand(["doctor", ...flags], { env: { PATH: "/nowhere" } });
}

function foundBy({ stdout }: Ran): readonly string[] {
  const { findings } = JSON.parse(stdout) as {
    findings: readonly { area: string; severity: string; code?: string; message: string }[];
  };
  return findings
    .filter(({ area, message }) => area === "sidecar" && !message.startsWith("no sidecar runs"))
    .map(({ severity, code = "", message }) => `${severity} ${code} ${message}`.replace("  ", " "))
    .map((line) => line.replace(/127\.0\.0\.1:\d+/g, "HOST:PORT"));
}

test("finds a ready sidecar, and needs no Envoy on this machine", async () => {
  const ran = await doctor(await answering(200, '{"status":"ready","missing":[]}'));
  expect(foundBy(ran)).toEqual(["ok the sidecar with its probes at HOST:PORT is ready"]);
  expect(ran.stdout).not.toContain("UMB0403");
});

test("an unready sidecar is an error that says what is missing", async () => {
  const body = '{"status":"not ready","missing":["a first scrape of every endpoint","Envoy"]}';
  const ran = await doctor(await answering(503, body));
  expect(ran.status).toBe(1);
  expect(foundBy(ran)).toEqual([
    "error UMB0415 the sidecar with its probes at HOST:PORT is not ready: a first scrape of every endpoint, Envoy",
  ]);
});

test("a sidecar that can't follow a kind is a warning", async () => {
  const body = '{"status":"ready","missing":[],"degraded":["pods: forbidden"]}';
  expect(foundBy(await doctor(await answering(200, body)))).toEqual([
    "warning UMB0415 the sidecar with its probes at HOST:PORT is ready, but serves an old state: pods: forbidden",
  ]);
});

test.each([
  { name: "nobody", at: async () => "127.0.0.1:1", expected: /ECONNREFUSED/ },
  { name: "another program", at: () => answering(200, "hello"), expected: /another program/ },
])("$name at that address is an error", async ({ at, expected }) => {
  const ran = await doctor(await at());
  expect(ran.status).toBe(1);
  expect(foundBy(ran).join()).toMatch(/^error UMB0416 no sidecar has its probes at HOST:PORT: /);
  expect(foundBy(ran).join()).toMatch(expected);
});
