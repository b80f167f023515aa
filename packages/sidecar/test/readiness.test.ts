import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, credentials } from "@grpc/grpc-js";
import { afterEach, expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { Health } from "@umbra/grpc";
import { HealthCheckResponse_ServingStatus as Serving } from "@umbra/grpc/internal";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import pino from "pino";
import { methodDefinition } from "../../grpc/test/method-definition.ts";
import { until } from "./until.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(primary: readonly string[]): Promise<Sidecar> {
  const sidecar = await startSidecar({
    topology: directTopology({ primary, shadow: [], port: 0 }),
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
  });
  closers.push(() => sidecar.close(0));
  return sidecar;
}

function healthOf({ grpcAddress }: Sidecar): (service: string) => Promise<unknown> {
  const client = new Client(grpcAddress, credentials.createInsecure());
  closers.push(() => client.close());
  const check = methodDefinition(Health.method.check);
  return (service) =>
    new Promise((resolve) => {
      client.makeUnaryRequest(
        check.path,
        check.requestSerialize,
        check.responseDeserialize as (bytes: Buffer) => { status: number },
        { $typeName: "grpc.health.v1.HealthCheckRequest", service },
        (error, response) => resolve(error === null ? response?.status : error.code),
      );
    });
}

async function readyz({ adminAddress }: Sidecar): Promise<number> {
  return (await fetch(`http://${adminAddress}/readyz`)).status;
}

test("the health service equals /readyz: not ready before the first scrapes", async () => {
  const waiting: ServerResponse[] = [];
  const server = createServer((_request, response) => void waiting.push(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const sidecar = await start([`127.0.0.1:${(server.address() as AddressInfo).port}`]);
  const health = healthOf(sidecar);
  await until(async () => waiting.length > 0);
  expect(await Promise.all(["readiness", "", "liveness"].map(health))).toEqual([
    Serving.NOT_SERVING,
    Serving.NOT_SERVING,
    Serving.SERVING,
  ]);
  expect(await readyz(sidecar)).toBe(503);
  for (const response of waiting) response.end("no metrics");
  await until(async () => (await health("readiness")) === Serving.SERVING);
  expect(await readyz(sidecar)).toBe(200);
});

test("a stopping sidecar becomes not ready before it stops picking", async () => {
  const sidecar = await start(["127.0.0.1:9"]);
  const health = healthOf(sidecar);
  await until(async () => (await readyz(sidecar)) === 200);
  const ended = sidecar.close(0, 500);
  expect(await readyz(sidecar)).toBe(503);
  expect(await health("readiness")).toBe(Serving.NOT_SERVING);
  expect(await health("liveness")).toBe(Serving.SERVING);
  await ended;
  closers.shift();
});
