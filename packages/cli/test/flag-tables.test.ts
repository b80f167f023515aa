import { describe, expect, test } from "@jest/globals";
import type { Io } from "@umbra/cli";
import { program } from "@umbra/cli/internal";
import { Option } from "commander";
import { flagsFor } from "../src/flags.ts";
import { gatewayFlags } from "../src/resources/gateway-flags.ts";
import { runFlags } from "../src/resources/run-flags.ts";
import { sidecarTlsFlags } from "../src/resources/sidecar-flags.ts";
import { topologyFlags } from "../src/resources/topology-flags.ts";

const io = { stdout() {}, stderr() {}, env: {} } as unknown as Io;
const { commands } = program(io);
const rows = Object.entries({
  ...topologyFlags,
  ...gatewayFlags,
  ...sidecarTlsFlags,
  ...runFlags,
}).map(([name, row]) => ({ name, flag: row.flag, of: Object.keys(row.of ?? {}) }));

describe("a row of the flags", () => {
  test.each(rows)("$flag uses Commander's name for its value", ({ name, flag }) => {
    expect(name).toBe(new Option(flag).attributeName());
  });

  test.each(rows)("$flag is a flag of every command in its row", ({ flag, of }) => {
    const having = commands.filter(({ options }) => options.some((each) => each.flags === flag));
    expect(having.map((command) => command.name())).toEqual(expect.arrayContaining(of));
  });
});

test("umbra up passes on exactly the flags that umbra serve accepts too", () => {
  const flags = { samples: "a.ndjson", traces: true, concurrency: 4, file: ["-"], sidecar: "a:1" };
  expect(flagsFor("serve", flags, runFlags)).toEqual({ samples: "a.ndjson", traces: true });
});
