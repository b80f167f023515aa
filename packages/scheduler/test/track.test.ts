import { describe, expect, test } from "@jest/globals";
import { createPool, type PoolEvent } from "@umbra/scheduler";
import { trackResponse } from "@umbra/scheduler/track";

function setup() {
  const clock = { ms: 0 };
  const events: PoolEvent[] = [];
  const pool = createPool({
    name: "pool",
    now: () => clock.ms,
    health: { failuresToEject: 1 },
    onEvent: (event) => events.push(event),
  });
  pool.setEndpoints(["10.0.0.1:1", "10.0.0.2:1"]);
  const picked = pool.pick({ model: "base", promptTokens: 10, subset: ["10.0.0.1:1"] });
  if (!picked.ok) throw new Error(picked.code);
  const state = () => pool.snapshot().endpoints[0];
  return { clock, lease: picked.lease, state };
}

function body(chunks: readonly string[], end: "close" | "error" = "close") {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks[at++];
      if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk));
      else if (end === "close") controller.close();
      else controller.error(new Error("reset"));
    },
  });
}

describe("tracking an answer", () => {
  test("the first bytes are the first token, the end is the end, the bytes are the same", async () => {
    const { clock, lease, state } = setup();
    const response = trackResponse(
      new Response(body(["a", "bc"]), { status: 201, headers: { "x-a": "1" } }),
      lease,
    );
    expect(state()).toMatchObject({ inFlight: 1, pendingPromptTokens: 10 });
    clock.ms = 40;
    expect(await response.text()).toBe("abc");
    expect(response.status).toBe(201);
    expect(response.headers.get("x-a")).toBe("1");
    expect(state()).toMatchObject({ inFlight: 0, ttftMs: 40, isEjected: false });
  });

  test("removes the content-encoding of an answer that fetch has decompressed", async () => {
    const { lease } = setup();
    const headers = { "content-encoding": "gzip", "content-length": "20", "x-a": "1" };
    const packed = trackResponse(new Response(body(["abc"]), { headers }), lease);
    expect([...packed.headers]).toEqual([["x-a", "1"]]);
    const plain = trackResponse(
      new Response(body(["abc"]), { headers: { "content-length": "3" } }),
      lease,
    );
    expect([...plain.headers]).toEqual([["content-length", "3"]]);
  });

  test("an answer without a body ends immediately", () => {
    const { lease, state } = setup();
    trackResponse(new Response(null, { status: 204 }), lease);
    expect(state()).toMatchObject({ inFlight: 0, isEjected: false });
  });

  test.each([
    { status: 500, isEjected: true },
    { status: 499, isEjected: false },
  ])("a status of $status is a failure: $isEjected", async ({ status, isEjected }) => {
    const { lease, state } = setup();
    await trackResponse(new Response(body(["x"]), { status }), lease).text();
    expect(state()).toMatchObject({ inFlight: 0, isEjected });
  });

  test("an answer that breaks off is a failure", async () => {
    const { lease, state } = setup();
    const response = trackResponse(new Response(body(["x"], "error")), lease);
    await expect(response.text()).rejects.toThrow("reset");
    expect(state()).toMatchObject({ inFlight: 0, isEjected: true });
  });

  test("a disconnected client is not a failure, and the endpoint's answer is cancelled", async () => {
    const { lease, state } = setup();
    let reason: unknown;
    const source = new ReadableStream<Uint8Array>({
      cancel(given) {
        reason = given;
      },
    });
    await trackResponse(new Response(source), lease).body?.cancel("gone");
    expect(reason).toBe("gone");
    expect(state()).toMatchObject({ inFlight: 0, isEjected: false });
  });
});
