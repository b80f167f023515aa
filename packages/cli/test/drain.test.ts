import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { runCommand } from "./run-command.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

interface Load {
  readonly connections: number;
  readonly requests: number;
}

/** The part of Envoy's admin interface that `umbra drain` uses; each question about the load gets the next of `loads`. */
async function scriptedAdmin(loads: readonly (Load | "no answer")[]): Promise<{
  readonly address: string;
  readonly calls: readonly string[];
}> {
  const calls: string[] = [];
  let asked = 0;
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?filter")[0]?.split("&filter")[0];
    calls.push(`${request.method} ${path}`);
    const load = loads[Math.min(asked, loads.length - 1)];
    if (path?.startsWith("/stats") === true) asked += 1;
    if (load === "no answer") return;
    const stats = [
      { name: "http.0_0_0_0_8080.downstream_cx_active", value: load?.connections },
      { name: "http.0_0_0_0_8080.downstream_rq_active", value: load?.requests },
      { name: "http.other.downstream_cx_active", value: 0 },
      // Not of clients: they never end.
      { name: "http.admin.downstream_cx_active", value: 3 },
      { name: "http.admin.downstream_rq_active", value: 1 },
      { name: "http.stats.downstream_cx_active", value: 1 },
      { name: "http.shadow_lane.downstream_rq_active", value: 7 },
    ];
    response.end(JSON.stringify({ stats }));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
}

const drain = (address: string, ...flags: readonly string[]) =>
  runCommand(["drain", "--envoy-admin", address, "--announce", "0", ...flags]);

test("makes Envoy unready first, drains its listeners then, and waits until clients have no connection", async () => {
  const { address, calls } = await scriptedAdmin([
    { connections: 2, requests: 1 },
    { connections: 1, requests: 0 },
    { connections: 0, requests: 0 },
  ]);
  expect(await drain(address)).toEqual({
    status: 0,
    stdout: "",
    stderr: "umbra: Envoy is drained\n",
  });
  expect(calls).toEqual([
    "POST /healthcheck/fail",
    "POST /drain_listeners?graceful&skip_exit",
    ...Array.from({ length: 3 }, () => "GET /stats?format=json"),
  ]);
});

test("waits on when an Envoy with much to do does not answer once", async () => {
  const { address, calls } = await scriptedAdmin([
    { connections: 1, requests: 1 },
    "no answer",
    { connections: 0, requests: 0 },
  ]);
  expect(await drain(address)).toMatchObject({ status: 0, stderr: "umbra: Envoy is drained\n" });
  expect(calls.filter((call) => call.startsWith("GET"))).toHaveLength(3);
});

test("does not wait longer than the timeout for an Envoy that does not answer", async () => {
  const { address } = await scriptedAdmin([{ connections: 1, requests: 1 }, "no answer"]);
  const { status, stderr } = await drain(address, "--timeout", "1000");
  expect(status).toBe(1);
  expect(stderr).toMatch(/no answer from Envoy's admin interface at \S+ The operation was aborted/);
});

test("does not wait for idle connections", async () => {
  const { address } = await scriptedAdmin([
    { connections: 3, requests: 1 },
    { connections: 2, requests: 0 },
  ]);
  expect(await drain(address, "--quiet", "300")).toMatchObject({
    status: 0,
    stderr: "umbra: Envoy is drained; idle: 2 connections\n",
  });
});

test("exits with status 1 if requests are left after the timeout", async () => {
  const { address } = await scriptedAdmin([{ connections: 1, requests: 1 }]);
  expect(await drain(address, "--timeout", "300", "--quiet", "0")).toMatchObject({
    status: 1,
    stderr: "error: 1 request still under way after 0.3 s: raise --timeout\n",
  });
});

test("says where it has looked for Envoy", async () => {
  const { status, stderr } = await drain("127.0.0.1:1");
  expect(status).toBe(1);
  expect(stderr).toContain("no answer from Envoy's admin interface at http://127.0.0.1:1");
});

test("an answer with another status than 200 is an error", async () => {
  const server = createServer((_, response) => response.writeHead(404).end());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { status, stderr } = await drain(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  expect(status).toBe(1);
  expect(stderr).toContain("answered 404 to POST /healthcheck/fail");
});

test("ends at once when it is interrupted", async () => {
  const { address } = await scriptedAdmin([{ connections: 1, requests: 1 }]);
  const signal = AbortSignal.timeout(200);
  expect(await runCommand(["drain", "--envoy-admin", address], { signal })).toMatchObject({
    status: 130,
  });
});
