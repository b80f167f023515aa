import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { chat, post, type Seen } from "./harness/client.ts";
import { type AnotherEnvoy, type Gateway, startGateway } from "./harness/gateway.ts";
import { gatewayAndRoute, pool, scenario } from "./harness/resources.ts";
import { type SlowServer, startSlowServer } from "./harness/slow-server.ts";
import { until } from "./harness/until.ts";

/** Longer than 50 s, after which Envoy drops a gRPC client that it keeps for ext_proc. */
const longMs = 70_000;
const leaveMs = 61_000;

interface Case {
  readonly isStream: boolean;
  readonly isMirrored: boolean;
  readonly isLeft: boolean;
}

const cases: readonly Case[] = [true, false].flatMap((isStream) =>
  [true, false].flatMap((isMirrored) =>
    [true, false].map((isLeft) => ({ isStream, isMirrored, isLeft })),
  ),
);

function nameOf({ isStream, isMirrored, isLeft }: Case): string {
  const what = `a ${isStream ? "streamed" : "whole"} answer`;
  const end = isLeft ? "whose client leaves after 61 s" : "of 70 s";
  return `${what} ${end}, ${isMirrored ? "mirrored" : "not mirrored"}`;
}

/** What has happened to one request that had an Envoy of its own. */
interface Outcome {
  readonly long: Seen;
  readonly next: Seen;
  readonly envoyEnd: number | string | null;
}

let servers: readonly SlowServer[] = [];
let gateways: readonly Gateway[] = [];
const outcomes = new Map<string, Outcome>();

beforeAll(async () => {
  const [primary, shadow] = await Promise.all([startSlowServer(), startSlowServer()]);
  servers = [primary, shadow];
  const mirrored = scenario({ primary: primary.address, shadow: shadow.address });
  const ref = "{group: inference.networking.k8s.io, kind: InferencePool, name: pool}";
  const rules = `spec: {parentRefs: [{name: gateway}], rules: [{backendRefs: [${ref}]}]}\n`;
  const plain = gatewayAndRoute + rules + pool("pool", primary.address);
  const both = [
    await startGateway({ resources: mirrored }),
    await startGateway({ resources: plain }),
  ] as const;
  gateways = both;
  await Promise.all(
    both.map((gateway, index) =>
      outlive(
        gateway,
        cases.filter(({ isMirrored }) => isMirrored === (index === 0)),
      ),
    ),
  );
}, 240_000);

afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await Promise.all(servers.map((server) => server.close()));
}, 60_000);

/** Each request is the only one of an Envoy; those ask one sidecar. */
async function outlive(gateway: Gateway, some: readonly Case[]): Promise<void> {
  const [first, ...rest] = some;
  if (first === undefined) return;
  const running = [answersOf(gateway, first)];
  for (const each of rest) running.push(answersOf(await gateway.startAnotherEnvoy(), each));
  const answered = await Promise.all(running);
  // What crashes Envoy may come after the answer has gone out: the streams must have ended.
  await until("no ext_proc stream is open", async () => {
    const { body } = await request(`http://${gateway.admin}/metrics`);
    const open = (await body.text()).matchAll(/^umbra_open_streams\{[^}]*\} (\d+)$/gm);
    return [...open].every(([, count]) => count === "0");
  });
  for (const { name, long, next, envoy } of answered) {
    const { exitCode, signalCode } = envoy.process;
    outcomes.set(name, { long, next, envoyEnd: signalCode ?? exitCode });
  }
}

async function answersOf({ origin, envoy }: AnotherEnvoy, { isStream, isLeft, ...more }: Case) {
  const long = await post(origin, chat({ isStream }), {
    headers: { "x-take-ms": String(longMs) },
    signal: AbortSignal.timeout(isLeft ? leaveMs : 2 * longMs),
  });
  const next = await post(origin, chat({ isStream }));
  return { name: nameOf({ isStream, isLeft, ...more }), long, next, envoy };
}

describe("Envoy outlives a request that is alone for more than 50 s", () => {
  test.each(cases.map((each) => ({ ...each, name: nameOf(each) })))("$name", ({ name, isLeft }) => {
    const outcome = outcomes.get(name);
    expect(outcome?.envoyEnd).toBeNull();
    expect(outcome?.long.status).toBe(isLeft ? 0 : 200);
    expect(outcome?.next.status).toBe(200);
  });
});
