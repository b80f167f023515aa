import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { directTopology } from "@umbra/envoy-config";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import pino from "pino";
import { createEnvoyClient, type EnvoyClient } from "./envoy-client.ts";

const topology = directTopology({ primary: ["127.0.0.1:9"], shadow: [], port: 80 });
const stream = { lane: "primary", pool: "default/primary" } as const;
const destination = "x-gateway-destination-endpoint";
const headers = {
  ":method": "POST",
  ":path": "/v1/chat/completions",
  "content-type": "application/json",
  "content-length": "4096",
};

let sidecar: Sidecar;
let envoy: EnvoyClient;

beforeEach(async () => {
  sidecar = await startSidecar({
    topology: {
      ...topology,
      pools: topology.pools.map((pool) => ({
        ...pool,
        pickMode: "headers" as const,
        modelHeader: "x-model",
        onlyModel: "base",
        models: [
          { name: "base", criticality: "Standard" as const },
          { name: "adapter", criticality: "Standard" as const },
        ],
      })),
    },
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
  });
  envoy = createEnvoyClient(sidecar.grpcAddress);
});

afterEach(async () => {
  envoy.close();
  await sidecar.close(0);
});

/** Waits for lines of the metrics page, given by name and part of the labels. */
async function shows(wanted: RegExp): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const text = await (await fetch(`http://${sidecar.adminAddress}/metrics`)).text();
    if (wanted.test(text)) return;
    if (performance.now() > deadline) throw new Error(`the page never had ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("a stream without bodies", () => {
  test.each([
    { name: "a header's model", more: { "x-model": "adapter" }, model: "adapter" },
    { name: "the pool's only model if no header names one", more: {}, model: "base" },
    { name: "any encoding of the body", more: { "content-encoding": "gzip" }, model: "base" },
  ])("is picked immediately, by $name", async ({ more, model }) => {
    const picked = await envoy.pickByHeaders(stream, { ...headers, ...more });
    expect(picked.headers[destination]).toBe("127.0.0.1:9");
    await picked.end();
    await shows(new RegExp(`^umbra_requests_total{.*model="${model}".*} 1$`, "m"));
    await shows(/^umbra_request_size_bytes_sum{.*} 4096$/m);
  });

  test.each([
    { name: "a model that is not served", model: "other", want: "does not exist" },
    { name: "an invalid name", model: "x".repeat(300), want: "at most 256 bytes" },
    { name: "an empty name", model: "", want: "at most 256 bytes" },
  ])("is refused for $name", async ({ model, want }) => {
    const { reply } = await envoy.pickByHeaders(stream, { ...headers, "x-model": model });
    expect(reply).toContain(want);
  });

  const underscoreRefusal = "this gateway does not accept header names with an underscore";

  test.each([
    { name: "an unknown one", underscores: "session_id,my_team", header: "x_a", isRefused: true },
    { name: "a known one", underscores: "session_id,my_team", header: "my_team", isRefused: false },
    {
      name: "one whose gateway looks itself",
      underscores: undefined,
      header: "x_a",
      isRefused: false,
    },
  ])("with an underscore in a header's name: $name", async ({ underscores, header, isRefused }) => {
    const of = underscores === undefined ? stream : { ...stream, underscores };
    const { reply, headers: set } = await envoy.pickByHeaders(of, { ...headers, [header]: "1" });
    expect(reply?.includes('"code":"bad_request"') ?? false).toBe(isRefused);
    // Envoy's own reply has the same text.
    expect(reply?.includes(underscoreRefusal) ?? false).toBe(isRefused);
    expect(set[destination] !== undefined).toBe(!isRefused);
  });

  test("counts as in flight until it ends", async () => {
    const picked = await envoy.pickByHeaders(stream, headers);
    await shows(/^umbra_endpoint_in_flight{.*} 1$/m);
    await picked.end();
    await shows(/^umbra_endpoint_in_flight{.*} 0$/m);
  });
});

test("a pool with pick mode headers still reads a body that is sent", async () => {
  const body = JSON.stringify({ model: "other", messages: [] });
  const sent = { headers: { ...headers, "x-model": "adapter" }, body };
  expect((await envoy.pick(stream, sent)).reply).toContain("does not exist");
});
