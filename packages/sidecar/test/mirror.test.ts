import { describe, expect, test } from "@jest/globals";
import {
  defaultComparison,
  type Mirror,
  type MirrorPolicy,
  type MirrorSettings,
} from "@umbra/envoy-config";
import { defaultMirrorSettings } from "@umbra/envoy-config/internal";
import { readRequest } from "@umbra/openai";
import {
  type Breaker,
  createBreaker,
  createBudget,
  createMirrorGate,
  ineligibleFor,
  type RequestView,
  rewriteBody,
  sessionOf,
  shareOf,
} from "@umbra/sidecar/internal";
import { addedFields } from "../src/mirror/repeatable-twin.ts";

function request(
  body: object | string = {},
  more: Partial<Omit<RequestView, "body" | "fields">> = {},
): RequestView {
  const text = typeof body === "string" ? body : JSON.stringify({ model: "m", ...body });
  const read = readRequest(Buffer.from(text));
  return {
    requestId: "r1",
    method: "POST",
    path: "/v1/chat/completions",
    clientPath: more.path ?? "/v1/chat/completions",
    model: "m",
    priority: "Standard",
    headers: new Map(),
    body: Buffer.from(text),
    fields: read.ok ? read.fields : new Map(),
    ...more,
  };
}

const { policy, ...settings } = defaultMirrorSettings("default/p");

describe("eligibility", () => {
  const eligible = policy.eligible;
  test.each([
    { name: "a chat completion", view: request({ messages: [] }), want: true },
    { name: "a GET", view: request({}, { method: "GET" }), want: false },
    { name: "an embedding", view: request({}, { path: "/v1/embeddings" }), want: false },
    { name: "store: true", view: request({ store: true }), want: false },
    { name: "store: false", view: request({ store: false }), want: true },
    { name: "background", view: request({ background: true }), want: false },
    { name: "a previous response", view: request({ previous_response_id: "r" }), want: false },
    { name: "no previous response", view: request({ previous_response_id: null }), want: true },
    { name: "a conversation", view: request({ conversation: { id: "c" } }), want: false },
    { name: "a stored response", view: request({}, { path: "/v1/responses" }), want: false },
    {
      name: "a stateless response",
      view: request({ store: false }, { path: "/v1/responses" }),
      want: true,
    },
    { name: "a client's tool", view: request({ tools: [{ type: "function" }] }), want: true },
    { name: "a server's tool", view: request({ tools: [{ type: "web_search" }] }), want: false },
    { name: "a tool of an unknown type", view: request({ tools: [7, { type: 1 }] }), want: false },
    { name: "no tools", view: request('{"model":"m","tools":[ ]}'), want: true },
    {
      name: "a server's tool after other tools",
      view: request(
        '{"model":"m","tools": [ {"function":{"type":"x"}} , 1, {"type":"custom"},{"type":"x"} ]}',
      ),
      want: false,
    },
    {
      name: "tools with types within",
      view: request({ tools: [{ parameters: { type: "object" } }, { type: "function", x: [] }] }),
      want: true,
    },
    {
      name: "the last of a tool's types",
      view: request('{"model":"m","tools":[{"type":"function","t\\u0079pe":"x"}]}'),
      want: false,
    },
    {
      name: "too many tools to check",
      view: request({ tools: [{ type: "function", description: "x".repeat(262_144) }] }),
      want: false,
    },
    { name: "MCP servers", view: request({ mcp_servers: [{}] }), want: false },
    { name: "web search", view: request({ web_search_options: {} }), want: false },
    { name: "not JSON", view: request("{oops"), want: true },
  ])("$name: $want", ({ view, want }) => {
    expect(ineligibleFor(view, eligible) === undefined).toBe(want);
  });

  test.each([
    { reason: "method", view: request({}, { method: "GET" }) },
    { reason: "path", view: request({}, { path: "/v1/embeddings" }) },
    { reason: "model", view: request({}, { model: "other" }) },
    { reason: "priority", view: request({}, { priority: "Critical" }) },
    { reason: "header", view: request() },
    { reason: "stateful", view: request({ store: true }, { headers: new Map([["x-t", "1"]]) }) },
    {
      reason: "server_tools",
      view: request({ mcp_servers: [{}] }, { headers: new Map([["x-t", "1"]]) }),
    },
    { reason: undefined, view: request({}, { headers: new Map([["x-t", "1"]]) }) },
  ])("returns the reason: $reason", ({ reason, view }) => {
    const narrow = {
      ...eligible,
      models: ["m"],
      priorities: ["Standard" as const],
      headers: [{ name: "x-t", value: "1" }],
    };
    expect(ineligibleFor(view, narrow)).toBe(reason);
  });

  test.each([
    { name: "the endpoint's", paths: ["/v1/chat/completions"], want: undefined },
    { name: "the client's", paths: ["/ns/model/v1/chat/completions"], want: undefined },
    { name: "another", paths: ["/ns/model"], want: "path" },
  ])("a policy may list $name path of a rewritten request", ({ paths, want }) => {
    const view = request({}, { clientPath: "/ns/model/v1/chat/completions" });
    expect(ineligibleFor(view, { ...eligible, paths })).toBe(want);
  });

  test("models, priorities and headers must all be named", () => {
    const narrow = {
      ...eligible,
      models: ["m"],
      priorities: ["Sheddable" as const],
      headers: [{ name: "x-tier", value: "free" }],
    };
    const headers = new Map([["x-tier", "free"]]);
    const sheddable = { priority: "Sheddable" as const };
    expect(ineligibleFor(request({}, { ...sheddable, headers }), narrow)).toBeUndefined();
    expect(ineligibleFor(request({}, { headers }), narrow)).toBe("priority");
    expect(ineligibleFor(request({}, sheddable), narrow)).toBe("header");
    expect(ineligibleFor(request({}, { ...sheddable, headers, model: "x" }), narrow)).toBe("model");
  });
});

describe("sessions", () => {
  const bySession = (sessionKey: MirrorSettings["sampling"]["sessionKey"]) =>
    ({ by: "session", sessionKey }) as const;

  test("from a header, from the user, or none", () => {
    const headers = new Map([["x-c", "7"]]);
    expect(sessionOf(request({}, { headers }), bySession({ kind: "header", name: "x-c" }))).toBe(
      "7",
    );
    expect(sessionOf(request({ user: "u" }), bySession({ kind: "user" }))).toBe("u");
    expect(sessionOf(request(), bySession({ kind: "user" }))).toBeUndefined();
    expect(sessionOf(request({ user: "u" }), settings.sampling)).toBeUndefined();
  });

  test("all turns of a conversation have the same opening, different from other conversations", () => {
    const sampling = bySession({ kind: "prompt", bytes: 2_048 });
    const first = [
      { role: "system", content: "be brief" },
      { role: "user", content: "hi é" },
    ];
    const later = [...first, { role: "assistant", content: "yes" }, { role: "user", content: "?" }];
    const other = [first[0], { role: "user", content: "bye" }];
    const of = (messages: readonly unknown[]) => sessionOf(request({ messages }), sampling);
    expect(of(later)).toBe(of(first));
    expect(of(other)).not.toBe(of(first));
  });

  test("a long prompt counts by its first bytes", () => {
    const sampling = bySession({ kind: "prompt", bytes: 64 });
    const long = "x".repeat(100_000);
    const of = (prompt: string) => sessionOf(request({ prompt }), sampling);
    expect(of(`${long}a`)).toBe(of(`${long}b`));
  });
});

describe("the keyed hash", () => {
  test("a larger share includes a smaller one, and shares are accurate", () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => `id${i}`);
    const taken = (share: number) => ids.filter((id) => shareOf("key", id) < share);
    const [small, large] = [taken(0.1), new Set(taken(0.25))];
    expect(small.every((id) => large.has(id))).toBe(true);
    // Four standard deviations.
    expect(Math.abs(large.size / ids.length - 0.25)).toBeLessThan(0.0123);
    expect(shareOf("other", "id1")).not.toBe(shareOf("key", "id1"));
  });
});

describe("budget", () => {
  const limits = { ...policy.budget, maxInFlight: 2, maxRequestsPerSecond: 2, maxTokens: 100 };

  test("rejects requests without budget, and allows them again after they are given back", () => {
    const clock = { ms: 0 };
    const budget = createBudget(
      { ...limits, maxRequests: 4, maxDurationMs: 10_000 },
      () => clock.ms,
    );
    expect([budget.take(1), budget.take(1), budget.take(1)]).toEqual([
      undefined,
      undefined,
      "concurrency",
    ]);
    budget.giveBack();
    expect(budget.take(1)).toBe("rate");
    clock.ms += 500;
    expect(budget.take(1)).toBeUndefined();
    budget.giveBack();
    clock.ms += 1_000;
    expect(budget.take(policy.budget.maxBodyBytes + 1)).toBe("size");
    expect(budget.take(1)).toBeUndefined();
    budget.giveBack();
    expect(budget.take(1)).toBe("requests");
    expect(budget.isSpent).toBe(true);
  });

  test("tokens and time end it, too", () => {
    const clock = { ms: 0 };
    const budget = createBudget({ ...limits, maxDurationMs: 10_000 }, () => clock.ms);
    budget.take(1);
    budget.giveBack();
    budget.spend(100);
    expect(budget.take(1)).toBe("tokens");
    clock.ms += 10_000;
    expect(budget.take(1)).toBe("duration");
    expect(budget.used).toMatchObject({ tokens: 1, duration: 1 });
  });

  test.each([
    { name: "requests in flight", limit: { maxInFlight: 10 } },
    { name: "all requests", limit: { maxRequests: 10 } },
  ])("$name of all processes together are the limit, which need not be divisible", ({ limit }) => {
    const taken = [0, 1, 2].map((at) => {
      const budget = createBudget(limit, () => 0);
      budget.setShare({ of: 3, at });
      return Array.from({ length: 20 }, () => budget.take(1)).filter((r) => r === undefined).length;
    });
    expect(taken).toEqual([4, 3, 3]);
  });

  test("a process without a part of a limit uses none of it, and all of it once the peers have ended", () => {
    const budget = createBudget({ maxInFlight: 1, maxTokens: 1 }, () => 0);
    budget.setShare({ of: 2, at: 1 });
    expect(budget.take(1)).toBe("tokens");
    budget.setShare({ of: 1, at: 0 });
    expect(budget.take(1)).toBeUndefined();
  });

  test("the rate is divided", () => {
    const clock = { ms: 0 };
    const budget = createBudget({ maxRequestsPerSecond: 10 }, () => clock.ms);
    budget.setShare({ of: 4, at: 3 });
    clock.ms = 60_000;
    let taken = 0;
    for (; clock.ms < 120_000; clock.ms += 50) taken += Number(budget.take(1) === undefined);
    expect(taken).toBeGreaterThanOrEqual(149);
    expect(taken).toBeLessThanOrEqual(153);
  });

  test("without limits there is always room", () => {
    const budget = createBudget(undefined, () => 0);
    expect(
      Array.from({ length: 10_000 }, () => budget.take(1e9)).every((r) => r === undefined),
    ).toBe(true);
  });
});

describe("breaker", () => {
  test("opens after 50 consecutive errors, tries one request after a minute, and closes on success", () => {
    const clock = { ms: 0 };
    const breaker = createBreaker(() => clock.ms);
    for (let i = 0; i < 49; i++) breaker.record("r", true);
    expect(breaker.admits("r")).toBe(true);
    breaker.record("r", true);
    expect([breaker.state, breaker.admits("r")]).toEqual(["open", false]);
    // A late result from before it opened changes nothing.
    breaker.record("r", false);
    clock.ms += 60_000;
    expect([breaker.state, breaker.admits("r"), breaker.admits("r")]).toEqual([
      "half-open",
      true,
      false,
    ]);
    breaker.record("r", true);
    expect(breaker.state).toBe("open");
    clock.ms += 60_000;
    expect(breaker.admits("r")).toBe(true);
    breaker.record("r", false);
    expect([breaker.state, breaker.admits("r")]).toEqual(["closed", true]);
  });

  test("tries another one if the result of the first is unknown", () => {
    const clock = { ms: 0 };
    const breaker = createBreaker(() => clock.ms);
    for (let i = 0; i < 50; i++) breaker.record("r", true);
    clock.ms += 60_000;
    expect([breaker.admits("r"), breaker.admits("r")]).toEqual([true, false]);
    breaker.giveUp("r");
    expect([breaker.state, breaker.admits("r"), breaker.admits("r")]).toEqual([
      "half-open",
      true,
      false,
    ]);
  });

  test("opens at more than 20 % in a minute, and ignores older errors", () => {
    const clock = { ms: 0 };
    const breaker = createBreaker(() => clock.ms);
    for (let i = 0; i < 100; i++) breaker.record("r", i % 6 === 0);
    expect(breaker.state).toBe("closed");
    clock.ms += 61_000;
    for (let i = 0; i < 49; i++) breaker.record("r", i % 3 === 0);
    expect(breaker.state).toBe("closed");
    for (let i = 0; i < 3; i++) breaker.record("r", i === 2);
    expect(breaker.state).toBe("open");
  });

  // Twins from before it opened may end at any time and don't affect the trial.
  test.each<{ name: string; end: (breaker: Breaker, id: string) => void }>([
    { name: "without an outcome", end: (breaker, id) => breaker.giveUp(id) },
    { name: "well", end: (breaker, id) => breaker.record(id, false) },
    { name: "with an error", end: (breaker, id) => breaker.record(id, true) },
  ])("only the trial decides: another twin ends $name", ({ end }) => {
    const clock = { ms: 0 };
    const breaker = createBreaker(() => clock.ms);
    expect(breaker.admits("before")).toBe(true);
    for (let i = 0; i < 50; i++) breaker.record("r", true);
    clock.ms += 60_000;
    expect(breaker.admits("trial")).toBe(true);
    end(breaker, "before");
    expect([breaker.state, breaker.admits("another")]).toEqual(["half-open", false]);
    breaker.record("trial", false);
    expect(breaker.state).toBe("closed");
  });
});

describe("gate", () => {
  const mirror: Mirror = {
    name: "default/r/0/mirror/0",
    origin: { route: { namespace: "default", name: "r" }, rule: 0, filter: 0 },
    pool: "default/b",
    perMillion: 1_000_000,
    pickMode: "buffered",
    ...settings,
  };
  const unlimited = { ...policy, budget: { ...policy.budget, maxInFlight: 1e6, maxRequests: 1e6 } };
  const gateOf = (more: Partial<Mirror> = {}) =>
    createMirrorGate({ mirror: { ...mirror, ...more }, now: () => 0 });

  test("counts its decisions, and returns the budget of a twin", () => {
    const gate = gateOf({ policy: { ...policy, budget: { ...policy.budget, maxInFlight: 1 } } });
    expect(gate.decide(request({}, { method: "GET" })).kind).toBe("ineligible");
    expect(gate.decide(request()).kind).toBe("mirrored");
    expect(gate.decide(request({}, { requestId: "r2" }))).toMatchObject({ drop: "concurrency" });
    gate.finished("r1", { isError: false, tokens: 5 });
    expect(gate.decide(request({}, { requestId: "r3" })).kind).toBe("mirrored");
    expect(gate.state()).toMatchObject({
      notEligible: { method: 1 },
      eligible: 3,
      sampled: 3,
      mirrored: 2,
      inFlight: 1,
      dropped: { concurrency: 1 },
    });
  });

  test("without a policy does not mirror bodies above its limit", () => {
    const { policy: _, ...plain } = mirror;
    const bounded = createMirrorGate({ mirror: plain, maxBodyBytes: 200, now: () => 0 });
    expect(bounded.decide(request()).kind).toBe("mirrored");
    const long = request({ messages: [{ role: "user", content: "x".repeat(200) }] });
    expect(bounded.decide(long)).toMatchObject({ kind: "unmirrored", drop: "size" });
    expect(createMirrorGate({ mirror: plain, now: () => 0 }).decide(long).kind).toBe("mirrored");
  });

  test("pauses, resumes and stops permanently", () => {
    const gate = gateOf();
    gate.pause("protection");
    expect(gate.decide(request())).toMatchObject({ kind: "unmirrored", drop: "protection" });
    gate.resume();
    expect(gate.decide(request()).kind).toBe("mirrored");
    gate.stop();
    gate.resume();
    expect(gate.decide(request())).toMatchObject({ kind: "unmirrored", drop: "paused" });
  });

  test("a control gets its part of what the candidate gets, drawn apart from the share", () => {
    const share = { perMillion: 200_000 };
    const candidate = gateOf({ ...share, policy: unlimited });
    const control = gateOf({
      ...{ ...share, pool: "default/control", role: "control", percentOfMirrored: 10 },
      policy: unlimited,
    });
    const decisions = Array.from({ length: 20_000 }, (_, i) => {
      const view = request({}, { requestId: `r${i}` });
      return [candidate.decide(view).kind, control.decide(view).kind].join(" ");
    });
    const count = (kinds: string) => decisions.filter((each) => each === kinds).length;
    expect(count("unmirrored mirrored")).toBe(0);
    const part =
      count("mirrored mirrored") / (count("mirrored mirrored") + count("mirrored unmirrored"));
    expect(part).toBeGreaterThan(0.08);
    expect(part).toBeLessThan(0.12);
    // What is not drawn for it is no drop, and counts as not sampled.
    expect(control.state()).toMatchObject({ sampled: count("mirrored mirrored"), dropped: {} });
  });

  test("by session, a control gets whole sessions", () => {
    const control = gateOf({
      ...{ role: "control", percentOfMirrored: 50, policy: unlimited },
      sampling: { by: "session", sessionKey: { kind: "user" } },
    });
    const kinds = Array.from({ length: 200 }, (_, i) => {
      const view = request({ user: `u${i % 20}` }, { requestId: `r${i}` });
      return `${i % 20} ${control.decide(view).kind}`;
    });
    expect(new Set(kinds).size).toBe(20);
    expect(control.state().sampled).toBeGreaterThan(20);
    expect(control.state().sampled).toBeLessThan(180);
  });

  test("a share of 0 mirrors nothing", () => {
    const gate = gateOf({ perMillion: 0 });
    expect(gate.decide(request())).toMatchObject({ kind: "unmirrored", drop: undefined });
  });
});

test("requests usage for a stream and keeps its other options", () => {
  const rewrite = (body: string, isStream = true) =>
    rewriteBody(
      Buffer.from(body),
      { path: "/v1/chat/completions", model: "m", isStream },
      policy.rewrite,
    )?.toString();
  expect(rewrite('{"stream_options":{"x":1}}')).toBe(
    '{"stream_options":{"x":1,"include_usage":true}}',
  );
  expect(rewrite("{}", false)).toBeUndefined();
  // Very long options are replaced without parsing.
  expect(rewrite(`{"stream_options":{${'"a":[],'.repeat(150)}"x":1}}`)).toBe(
    '{"stream_options":{"include_usage":true}}',
  );
  expect(rewrite('{"stream_options":{"include_usage":true}}')).toBe(
    '{"stream_options":{"include_usage":true}}',
  );
});

describe("fields that twins get for a better comparison", () => {
  const bodyOf = (
    body: object,
    evaluation: Partial<Mirror["evaluation"]>,
    {
      path = "/v1/chat/completions",
      requestId = "r1",
      remove = [] as readonly string[],
      set = {} as MirrorPolicy["rewrite"]["set"],
    } = {},
  ) => {
    const rewrite = { ...policy.rewrite, remove, set };
    const mirror = {
      ...{ evaluation: { observeUnmirroredPercent: 0, ...evaluation } },
      policy: { ...policy, rewrite },
    };
    const added = addedFields(mirror, { requestId, path });
    const bytes = Buffer.from(JSON.stringify({ model: "m", ...body }));
    const changed = rewriteBody(bytes, { path, model: "m", isStream: false, added }, rewrite);
    return JSON.parse(Buffer.from(changed ?? bytes).toString()) as Record<string, unknown>;
  };
  const sameModel = { isSameModel: true };
  const shadowLogprobs = { comparison: { ...defaultComparison, logprobs: "shadow" as const } };

  test("are a seed of the request, the same in every lane and process", () => {
    const { seed } = bodyOf({}, sameModel);
    expect(seed).toBe(848_097_586);
    expect(bodyOf({ stream_options: null }, sameModel).seed).toBe(seed);
    expect(bodyOf({ seed: null }, sameModel).seed).toBe(seed);
    expect(bodyOf({}, sameModel, { requestId: "r2" }).seed).not.toBe(seed);
    expect(bodyOf({}, sameModel, { path: "/v1/completions" }).seed).toBe(seed);
  });

  test.each([
    { name: "the client sets one", found: () => bodyOf({ seed: 0 }, sameModel), want: 0 },
    { name: "it is another model", found: () => bodyOf({}, {}), want: undefined },
    {
      name: "the policy removes it",
      found: () => bodyOf({ seed: 7 }, sameModel, { remove: ["seed"] }),
      want: undefined,
    },
    {
      name: "the API has none",
      found: () => bodyOf({}, sameModel, { path: "/v1/messages" }),
      want: undefined,
    },
  ])("have no seed of Umbra if $name", ({ found, want }) => {
    expect(found().seed).toBe(want);
  });

  test("ask for log probabilities if the policy says so", () => {
    expect(bodyOf({}, shadowLogprobs)).toEqual({ model: "m", logprobs: true, top_logprobs: 5 });
    expect(bodyOf({ logprobs: false, top_logprobs: 2 }, shadowLogprobs)).toMatchObject({
      ...{ logprobs: true, top_logprobs: 2 },
    });
    expect(bodyOf({}, shadowLogprobs, { path: "/v1/completions" })).toEqual({
      ...{ model: "m", logprobs: 5 },
    });
    expect(bodyOf({}, sameModel)).not.toHaveProperty("logprobs");
    const comparison = { ...shadowLogprobs.comparison, mode: "off" as const };
    expect(bodyOf({}, { comparison })).toEqual({ model: "m" });
  });

  test.each([
    { name: "removed", rewrite: { remove: ["logprobs"] }, want: {} },
    { name: "set", rewrite: { set: { logprobs: false } }, want: { logprobs: false } },
    {
      name: "allowed without alternatives",
      rewrite: { remove: ["top_logprobs"] },
      want: { logprobs: true },
    },
  ])("do not ask for alternatives if log probabilities are $name", ({ rewrite, want }) => {
    expect(bodyOf({}, shadowLogprobs, rewrite)).toEqual({ model: "m", ...want });
  });
});
