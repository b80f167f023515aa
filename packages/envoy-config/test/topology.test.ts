import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import {
  formatDiagnostic,
  parseEndpointList,
  readTopology,
  renderBootstrap,
} from "@umbra/envoy-config";
import fc from "fast-check";

const cases = new URL("cases/", import.meta.url);
const shouldUpdate = process.env.UPDATE_GOLDEN === "1";

/** Compares with a checked-in file; `UPDATE_GOLDEN=1` rewrites it, to be reviewed as a diff. */
function expectGolden(actual: string, file: URL): void {
  if (shouldUpdate) writeFileSync(file, actual);
  expect(actual).toBe(readFileSync(file, "utf8"));
}

function read(name: string) {
  const text = readFileSync(new URL(`${name}/resources.yaml`, cases), "utf8");
  const optionsFile = new URL(`${name}/options.json`, cases);
  const { endpoints = {}, listenerPorts = {} } = (
    existsSync(optionsFile) ? JSON.parse(readFileSync(optionsFile, "utf8")) : {}
  ) as { endpoints?: Record<string, string[]>; listenerPorts?: Record<string, number> };
  return readTopology([{ name: "resources.yaml", text }], {
    endpoints: new Map(Object.entries(endpoints)),
    listenerPorts: new Map(Object.entries(listenerPorts)),
  });
}

const names = readdirSync(cases);
const sound = names.filter((name) =>
  read(name).diagnostics.every(({ severity }) => severity !== "error"),
);

describe.each(names)("%s", (name) => {
  test("has the expected diagnostics", () => {
    const { diagnostics } = read(name);
    const lines = diagnostics.map((each) => `${formatDiagnostic(each)}\n`).join("");
    expectGolden(lines, new URL(`${name}/diagnostics.txt`, cases));
  });
});

describe.each(sound)("%s", (name) => {
  const { topology } = read(name);

  test("has the expected topology", () => {
    expectGolden(`${JSON.stringify(topology, null, 2)}\n`, new URL(`${name}/topology.json`, cases));
  });

  test("has the expected bootstrap", () => {
    expectGolden(
      renderBootstrap(topology),
      new URL(`../../../envoy/${name}.yaml`, import.meta.url),
    );
  });
});

test("a plain mirror needs no lane and no sidecar", () => {
  const { topology } = read("reference-scenario");
  const plain = renderBootstrap(topology, { plainMirror: true });
  expectGolden(plain, new URL("../../../envoy/reference-scenario-plain.yaml", import.meta.url));
  expect(plain).not.toContain("ext_proc.v3");
});

test("never throws, whatever the text", () => {
  const texts = readdirSync(cases).map((name) =>
    readFileSync(new URL(`${name}/resources.yaml`, cases), "utf8"),
  );
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
    { numRuns: 300 },
  );
});

test("stands an alias bomb", () => {
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
  test("sorts, and keeps each endpoint once", () => {
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
