import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { chat, post, type Seen } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
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

/** What has happened to one request that had a gateway of its own. */
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
  const started: Gateway[] = [];
  gateways = started;
  const running: Promise<void>[] = [];
  // Two at a time: starting is most of the work, and the machine may be small.
  const startEach = async (some: readonly Case[]) => {
    for (const each of some) {
      const gateway = await startGateway({ resources: each.isMirrored ? mirrored : plain });
      started.push(gateway);
      const outcome = outcomeOf(gateway, each).then((seen) => {
        outcomes.set(nameOf(each), seen);
      });
      running.push(outcome);
    }
  };
  await Promise.all([startEach(cases.slice(0, 4)), startEach(cases.slice(4))]);
  await Promise.all(running);
}, 240_000);

afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await Promise.all(servers.map((server) => server.close()));
}, 60_000);

async function outcomeOf(gateway: Gateway, { isStream, isLeft }: Case): Promise<Outcome> {
  const long = await post(gateway.origin, chat({ isStream }), {
    headers: { "x-take-ms": String(longMs) },
    signal: AbortSignal.timeout(isLeft ? leaveMs : 2 * longMs),
  });
  const next = await post(gateway.origin, chat({ isStream }));
  // What crashes Envoy may come after the answer has gone out: the streams must have ended.
  await until("no ext_proc stream is open", async () => {
    const { body } = await request(`http://${gateway.admin}/metrics`);
    const open = (await body.text()).matchAll(/^umbra_open_streams\{[^}]*\} (\d+)$/gm);
    return [...open].every(([, count]) => count === "0");
  });
  const { exitCode, signalCode } = gateway.envoy.process;
  return { long, next, envoyEnd: signalCode ?? exitCode };
}

describe("Envoy outlives a request that is alone for more than 50 s", () => {
  test.each(cases.map((each) => ({ ...each, name: nameOf(each) })))("$name", ({ name, isLeft }) => {
    const outcome = outcomes.get(name);
    expect(outcome?.envoyEnd).toBeNull();
    expect(outcome?.long.status).toBe(isLeft ? 0 : 200);
    expect(outcome?.next.status).toBe(200);
  });
});
