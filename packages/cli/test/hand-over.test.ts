import { readdirSync, readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";
import { readHandOver, sidecarProcess } from "../src/process/hand-over.ts";
import { runCommand } from "./run-command.ts";

const goldens = new URL("../../../envoy/", import.meta.url);
const cases = readdirSync(goldens).filter((name) =>
  readdirSync(new URL(name, goldens)).includes("topology.json"),
);

function topologyOf(name: string) {
  const folder = new URL(`${name}/`, goldens);
  const files = readdirSync(folder).filter((each) => each.endsWith(".yaml"));
  const sources = files
    .filter((each) => each !== "envoy.yaml")
    .map((each) => ({ name: each, text: readFileSync(new URL(each, folder), "utf8") }));
  return readTopology(sources).topology;
}

describe("the sidecar gets the same topology that umbra up read", () => {
  test.each(cases)("%s", async (name) => {
    const topology = topologyOf(name);
    const { args, input } = sidecarProcess({ topology, flags: { traces: true } });
    // The command line contains no resources and no flag values.
    expect(args.slice(1)).toEqual(["serve", "--handed-over"]);
    const read = await readHandOver({ streamStdin: () => Readable.from([input]) });
    expect(read).toEqual({ topology, flags: { traces: true } });
  });
});

test("the sidecar gets the certificates for Envoy", async () => {
  const topology = topologyOf("https");
  const certificates = new Map([["default/chat", { chain: "chain", privateKey: "key" }]]);
  const envoy = { ads: { address: "unix:/ads.sock" }, bootstrap: { certificates } };
  const { input } = sidecarProcess({ topology, flags: {}, envoy });
  const read = await readHandOver({ streamStdin: () => Readable.from([input]) });
  expect(read.envoy?.bootstrap.certificates).toEqual(certificates);
});

test.each([
  "",
  "kind: Gateway",
  "{}",
  "null",
  '{"topology":{},"flags":{}}',
  '{"topology":{"pools":[]}}',
])("umbra serve --handed-over on the command line is rejected: %j", async (input) => {
  const { status, stderr } = await runCommand(["serve", "--handed-over"], {
    streamStdin: () => Readable.from([input]),
  });
  expect(status).toBe(2);
  expect(stderr).toMatch(/is only for umbra up: use -f or --primary/);
});
