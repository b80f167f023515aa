import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { errorReply } from "@umbra/sidecar/internal";
import {
  type Refusal,
  refusalMessage,
  refusals,
  requestErrors,
  type UnfilledCode,
} from "../src/decision/refusals.ts";

const blind = { endpoints: 2, knownEndpoints: 0, inFlight: 12, lastFailureKind: "no connection" };
const [shed, expired] = [refusals.SHED, refusals.TTL_EXPIRED];

describe("the message for a refused client", () => {
  test.each([
    {
      name: "the pool was saturated",
      refusal: shed,
      load: { ...blind, knownEndpoints: 1 },
      want: "the pool is saturated, and this request's priority is too low to wait",
    },
    {
      name: "no metrics, and why",
      refusal: shed,
      load: blind,
      want: "no endpoint's load metrics could be read (no connection); 12 requests are in flight, and this request's priority is too low to wait",
    },
    {
      name: "no metrics for an unknown reason, one request",
      refusal: expired,
      load: { endpoints: 1, knownEndpoints: 0, inFlight: 1 },
      want: "no endpoint's load metrics could be read; 1 request is in flight, and this request waited for the maximum time",
    },
    {
      name: "no endpoint at all",
      refusal: expired,
      load: { endpoints: 0, knownEndpoints: 0, inFlight: 0 },
      want: "the pool stayed saturated for the maximum waiting time",
    },
    {
      name: "a reason other than load",
      refusal: refusals.SHUTTING_DOWN,
      load: blind,
      want: "the picker is shutting down",
    },
  ])("$name", ({ refusal, load, want }) => {
    expect(refusalMessage(refusal, load)).toBe(want);
  });

  test.each(["POOL_SATURATED", "SHED", "QUEUE_FULL", "EVICTED", "TTL_EXPIRED"] as const)(
    "does not call a pool with unknown load saturated: %s",
    (reason) => {
      expect(refusalMessage(refusals[reason], blind)).toMatch(
        /^no endpoint's load metrics could be read/,
      );
    },
  );
});

test("a refusal with a placeholder must have a message", () => {
  // @ts-expect-error: the type of a refusal requires the message.
  const unfilled: Refusal = { code: "model_not_found" };
  const plain: Refusal = { code: "overloaded" };
  expect([unfilled.message, plain.message]).toEqual([undefined, undefined]);
  const holed = Object.entries(requestErrors).filter(([, { message }]) => message.includes("{}"));
  const codes: readonly UnfilledCode[] = [
    "invalid_json",
    "invalid_json_type",
    "json_too_deep",
    "json_too_complex",
    "missing_model",
    "invalid_model",
    "invalid_form",
    "model_not_found",
    "request_too_large",
  ];
  expect(holed.map(([code]) => code)).toEqual(codes);
});

describe("the table of refusals", () => {
  const page = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");

  test.each(Object.entries(requestErrors))("docs/errors.md has the status of %s", (code, error) => {
    const row = new RegExp(`^\\| \`${code}\`\\s*\\| ${error.status} `, "m");
    expect(page).toMatch(row);
  });

  test("docs/errors.md lists exactly the dropped reasons", () => {
    const documented = page.match(/`(rejected|evicted)-[a-z-]+`/g) ?? [];
    const known = [...Object.values(requestErrors), ...Object.values(refusals)].flatMap(
      ({ dropped }) => (dropped === undefined ? [] : [`\`${dropped}\``]),
    );
    expect([...new Set(documented)].toSorted()).toEqual([...new Set(known)].toSorted());
  });

  test.each([
    ["POOL_EMPTY", 503, "rejected-no-endpoints"],
    ["NO_ELIGIBLE_ENDPOINT", 503, "rejected-no-endpoints"],
    ["POOL_SATURATED", 429, "rejected-saturated"],
    ["SHED", 429, "rejected-saturated"],
    ["QUEUE_FULL", 429, "rejected-saturated"],
    ["EVICTED", 429, "evicted-queue-pressure"],
    ["TTL_EXPIRED", 429, "rejected-ttl-expired"],
    ["NO_ENDPOINTS", 503, "rejected-no-endpoints"],
    ["CANCELLED", 429, "rejected-context-cancelled"],
    ["SHUTTING_DOWN", 503, "rejected-shutting-down"],
  ] as const)("%s is answered %i with %s", (reason, status, dropped) => {
    const refusal = refusals[reason];
    const reply = errorReply(refusal.code, "why", { dropped: refusal.dropped });
    expect(reply.status).toBe(status);
    expect(reply.headers).toContainEqual({
      name: "x-llm-d-request-dropped-reason",
      value: dropped,
    });
    expect(reply.headers).toContainEqual({ name: "retry-after", value: "1" });
  });
});
