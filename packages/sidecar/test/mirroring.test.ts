import { describe, expect, test } from "@jest/globals";
import { type ComparisonPolicy, defaultComparison, directTopology } from "@umbra/envoy-config";
import { readRequest } from "@umbra/openai";
import { createMirrorRegistry } from "../src/mirror/mirror-registry.ts";
import { decideMirroring } from "../src/requests/mirroring.ts";

const direct = directTopology({ primary: ["10.0.0.1:80"], shadow: ["10.0.0.2:80"], port: 8080 });

/** Decides about a chat completion on a rule with one mirror for each of these settings. */
function decided(...comparisons: readonly ComparisonPolicy[]) {
  const mirrors = direct.mirrors.flatMap((mirror) =>
    comparisons.map((comparison, i) => ({
      ...{ ...mirror, name: `m${i}`, pool: `default/shadow-${i}` },
      evaluation: { ...mirror.evaluation, comparison },
    })),
  );
  const registry = createMirrorRegistry({ ...direct, mirrors }, () => 0);
  const body = Buffer.from('{"model":"m","messages":[]}');
  const read = readRequest(body);
  if (!read.ok) throw new Error(read.code);
  return decideMirroring(
    mirrors.map(({ name }) => name).join(","),
    {
      ...{ requestId: "r", method: "POST", path: "/v1/chat/completions" },
      ...{ clientPath: "/v1/chat/completions", model: "m", priority: "Standard" },
      ...{ headers: new Map(), body, fields: read.fields },
    },
    { registry, secret: "s", random: () => 0, asksJudge: () => false, onDropped: () => undefined },
  );
}

describe("a request with several mirrors", () => {
  const short = { ...defaultComparison, maxTextBytes: 2_048 };
  const off = { ...defaultComparison, mode: "off" as const };

  test.each([
    { name: "the first mirror", comparisons: [short, defaultComparison], compared: ["m0", "m1"] },
    {
      name: "the first mirror that compares texts",
      ...{ comparisons: [off, short, defaultComparison], compared: ["m1", "m2"] },
    },
  ])("has all its answers compared by the settings of $name", ({ comparisons, compared }) => {
    const found = decided(...comparisons);
    expect(found.twins).toHaveLength(comparisons.length);
    expect(found.compared).toEqual(compared);
    expect(found.comparison?.maxTextBytes).toBe(2_048);
  });

  test("has no answer compared if no mirror compares texts", () => {
    expect(decided(off, off)).toMatchObject({ compared: [], comparison: undefined });
  });
});
