import { describe, expect, test } from "@jest/globals";
import { parseEndpointList, readTopology } from "@umbra/envoy-config";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { caseNames, resourcesOf } from "./golden-case.ts";

test("never throws, whatever the text", () => {
  const texts = caseNames.flatMap(resourcesOf).map(({ text }) => text);
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.nat(),
      fc.nat({ max: 40 }),
      fc.string({ maxLength: 6 }),
      (text, at, length, put) => {
        const start = at % text.length;
        readTopology([
          { name: "x", text: text.slice(0, start) + put + text.slice(start + length) },
        ]);
      },
    ),
    { numRuns: propertyRuns(100, 300) },
  );
});

test("survives an alias bomb", () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x]\n${"bcdefgh"
    .split("")
    .map((each, i) => `${each}: &${each} [${Array(8).fill(`*${"abcdefg"[i]}`).join(",")}]`)
    .join("\n")}\nkind: Gateway\napiVersion: gateway.networking.k8s.io/v1\nmetadata: {name: *h}\n`;
  expect(
    readTopology([{ name: "x", text: bomb }]).diagnostics.some(
      ({ severity }) => severity === "error",
    ),
  ).toBe(true);
});

describe("parseEndpointList", () => {
  test("sorts endpoints and removes duplicates", () => {
    expect(parseEndpointList("10.0.0.2:80, 10.0.0.1:80,10.0.0.2:80,[::1]:80")).toEqual({
      ok: true,
      endpoints: ["10.0.0.1:80", "10.0.0.2:80", "[::1]:80"],
    });
  });

  test.each([
    "",
    "localhost:80",
    "10.0.0.1",
    "10.0.0.1:0",
    "10.0.0.1:65536",
    "10.0.0.256:80",
    "::1:80",
    "10.0.0.1:80,",
  ])("refuses %j", (text) => {
    expect(parseEndpointList(text)).toMatchObject({
      ok: false,
      message: expect.stringContaining("is not ip:port"),
    });
  });
});
