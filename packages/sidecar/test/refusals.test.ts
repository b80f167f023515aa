import { describe, expect, test } from "@jest/globals";
import { queueRefusals, refusalMessage, refusals } from "../src/exchange/refusals.ts";

const blind = { endpoints: 2, knownEndpoints: 0, inFlight: 12, lastFailureKind: "no connection" };
const [shed, expired] = [refusals.SHED, queueRefusals.TTL_EXPIRED];

describe("what a refused client reads", () => {
  test.each([
    {
      name: "the pool was seen full",
      refusal: shed,
      load: { ...blind, knownEndpoints: 1 },
      want: "the pool is full, and this request's priority is too low to wait for it",
    },
    {
      name: "no metrics, and why",
      refusal: shed,
      load: blind,
      want: "no endpoint's load metrics could be read (no connection); 12 requests are in flight, and this request's priority is too low to wait for one to end",
    },
    {
      name: "no metrics, nobody knows why, one request",
      refusal: expired,
      load: { endpoints: 1, knownEndpoints: 0, inFlight: 1 },
      want: "no endpoint's load metrics could be read; 1 request is in flight, and this request has waited for as long as it may",
    },
    {
      name: "no endpoint at all",
      refusal: expired,
      load: { endpoints: 0, knownEndpoints: 0, inFlight: 0 },
      want: "the pool was full for as long as this request may wait",
    },
    {
      name: "a reason besides load",
      refusal: queueRefusals.SHUTTING_DOWN,
      load: blind,
      want: "the picker is shutting down",
    },
  ])("$name", ({ refusal, load, want }) => {
    expect(refusalMessage(refusal, load)).toBe(want);
  });

  test.each([
    refusals.POOL_SATURATED,
    shed,
    queueRefusals.QUEUE_FULL,
    queueRefusals.EVICTED,
    expired,
  ])("does not call a pool full whose load nobody knows: $message", (refusal) => {
    expect(refusalMessage(refusal, blind)).toMatch(/^no endpoint's load metrics could be read/);
  });
});
