import { formatDiagnostic } from "@umbra/envoy-config";
import Table from "cli-table3";
import { Command, Option } from "commander";
import { stringify } from "yaml";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";
import {
  type ReadTopology,
  type TopologyFlags,
  topologyOf,
  withTopologyFlags,
} from "../resources/topology-flags.ts";

interface CheckFlags extends TopologyFlags {
  readonly output: "table" | "json" | "yaml";
}

/** `umbra check`: what is wrong in the resources, and the topology that they mean. */
export function checkCommand(io: Io): Command {
  const command = new Command("check").summary("say what is wrong in the resources");
  return withTopologyFlags(command, { isDirectAllowed: false })
    .description(
      "Says what is wrong in the resources, each with file, line and column. Exit status 1 when there is an error.",
    )
    .addOption(
      new Option("-o, --output <form>", "how the topology is printed")
        .choices(["table", "json", "yaml"])
        .default("table"),
    )
    .addHelpText("after", "\nExample:\n  $ umbra check -f examples/mirror -o json")
    .action((flags: CheckFlags) => {
      const read = topologyOf(flags, io);
      for (const diagnostic of read.diagnostics) {
        io.stderr(`${formatDiagnostic(diagnostic, { hasColour: io.hasColour })}\n`);
      }
      const errors = read.diagnostics.filter(({ severity }) => severity === "error").length;
      if (errors > 0)
        throw new CommandError(`${errors} ${errors === 1 ? "error" : "errors"} found`);
      io.stdout(printed(read, flags.output));
      io.stderr("no errors found\n");
    });
}

function printed({ topology }: ReadTopology, output: CheckFlags["output"]): string {
  switch (output) {
    case "json":
      return `${JSON.stringify(topology, null, 2)}\n`;
    case "yaml":
      return stringify(topology, { lineWidth: 0, aliasDuplicateObjects: false });
    case "table": {
      const table = new Table({
        head: ["pool", "picker", "failure mode", "endpoints"],
        style: { head: [], border: [] },
      });
      for (const { name, picker, failureMode, endpoints, dns } of topology.pools) {
        const where =
          dns === undefined ? endpoints.join("\n") : `${dns.hostname}:${dns.port} (DNS)`;
        table.push([name, picker, failureMode, where === "" ? "none known" : where]);
      }
      return `${table.toString()}\n`;
    }
  }
}
