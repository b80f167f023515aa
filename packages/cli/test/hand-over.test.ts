import { readdirSync, readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { expect, test } from "@jest/globals";
import { readHandOver, sidecarProcess } from "../src/process/hand-over.ts";
import { runCommand } from "./run-command.ts";

const golden = new URL("../../../envoy/named-ports/", import.meta.url);

test("the sidecar gets the flags and the content that umbra up read", async () => {
  const earlier = readdirSync(golden)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => ({ name, text: readFileSync(new URL(name, golden), "utf8") }));
  const handOver = { flags: { traces: true }, fixed: [{ name: "-", text: "kind: Pod" }], earlier };
  const { args, input } = sidecarProcess(handOver);
  // The command line contains no resources and no flag values.
  expect(args).toEqual([
    ...["--max-semi-space-size=8", expect.stringMatching(/umbra\.js$/)],
    ...["serve", "--handed-over"],
  ]);
  const read = await readHandOver({ streamStdin: () => Readable.from([input]) });
  expect(read).toEqual(handOver);
});

test.each([
  "",
  "kind: Gateway",
  "{}",
  "null",
  '{"topology":{"pools":[]},"flags":{}}',
  '{"flags":{},"fixed":[]}',
  '{"fixed":[],"earlier":[]}',
])("umbra serve --handed-over on the command line is rejected: %j", async (input) => {
  const { status, stderr } = await runCommand(["serve", "--handed-over"], {
    streamStdin: () => Readable.from([input]),
  });
  expect(status).toBe(2);
  expect(stderr).toMatch(/is only for umbra up: use -f or --primary/);
});
