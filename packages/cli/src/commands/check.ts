import { formatDiagnostic, isAtLeast, renderBootstrap } from "@umbra/envoy-config";
import { printable, printableJson } from "@umbra/shadow/printable";
import type { Command } from "commander";
import { stringify } from "yaml";
import { explainCode } from "../check/explain-code.ts";
import { githubAnnotation } from "../check/github.ts";
import { memoryTable } from "../check/memory-table.ts";
import { checkOwnBootstrap } from "../check/own-bootstrap.ts";
import { sarifOf } from "../check/sarif.ts";
import { validateWithEnvoy } from "../check/validate-with-envoy.ts";
import { obtainEnvoy } from "../envoy/find-envoy.ts";
import { CommandError, UsageError } from "../errors.ts";
import { commandOf, type FlagsOf, flag } from "../flags.ts";
import type { Io } from "../io.ts";
import { readResources } from "../kube/read-resources.ts";
import { type KubeFlags, kubeFlags } from "../resources/kube-flags.ts";
import {
  type ReadTopology,
  type TopologyFlags,
  topologyFlags,
} from "../resources/topology-flags.ts";
import { failureThreshold, severityCounts } from "../severity-counts.ts";
import { tableText } from "../tables.ts";

const checkFlags = {
  output: flag(
    "-o, --output <form>",
    "what to print: the topology (table, json, yaml) or the diagnostics (diagnostics: JSON, sarif: SARIF 2.1.0); if there are errors, json prints the diagnostics",
    ["table", "json", "yaml", "diagnostics", "sarif"],
    "table",
  ),
  github: flag("--github", "write diagnostics as GitHub Actions annotations"),
  failureThreshold,
  envoy: flag("--envoy", "also validate the rendered bootstrap with a real Envoy"),
  bootstrap: flag("--bootstrap <file>", "also check your own Envoy bootstrap (YAML or JSON)"),
  explain: flag("--explain <code>", "explain a diagnostic code (from docs/errors.md) and exit"),
};

type CheckFlags = FlagsOf<typeof checkFlags> & TopologyFlags & KubeFlags;

/** `umbra check`: prints problems in the resources and the resulting topology. */
export function checkCommand(io: Io): Command {
  return commandOf("check", {
    summary: "find problems in the resources",
    description:
      "Finds all problems in the resources in one pass. Each diagnostic shows the file, line and column, the source line, and how to fix it. Then prints the pools and the memory limits of Envoy and the sidecar. Exits with status 1 if there is an error.",
    examples: [
      "umbra check -f examples/mirror",
      "umbra check -f examples/mirror -o json",
      "umbra check -f examples/mirror -o sarif --failure-threshold warning > umbra.sarif",
      "umbra check -f examples/mirror --envoy --github",
      "umbra check --kube --namespace inference",
      "umbra check --explain UMB0203",
    ],
    flags: [topologyFlags, kubeFlags, checkFlags],
  }).action(async (flags: CheckFlags) => {
    if (flags.explain === undefined) {
      await runCheck(flags, io);
      return;
    }
    if (flags.file !== undefined) {
      throw new UsageError("--explain only prints documentation: remove -f");
    }
    io.stdout(explainCode(flags.explain));
  });
}

async function runCheck(flags: CheckFlags, io: Io): Promise<void> {
  const read = await readResources(flags, io);
  const isSound = read.diagnostics.every(({ severity }) => severity !== "error");
  const { topology, certificates } = read;
  const diagnostics = [
    ...read.diagnostics,
    ...(flags.bootstrap === undefined ? [] : checkOwnBootstrap(flags.bootstrap)),
    ...(flags.envoy === true && isSound
      ? validateWithEnvoy((await obtainEnvoy(io)).path, renderBootstrap(topology, { certificates }))
      : []),
  ];
  for (const diagnostic of diagnostics) {
    io.stderr(
      flags.github === true
        ? githubAnnotation(diagnostic)
        : `${formatDiagnostic(diagnostic, { hasColour: io.hasColour })}\n`,
    );
  }
  io.stdout(printed({ ...read, diagnostics }, flags.output));
  const failing = diagnostics.filter((each) => isAtLeast(each.severity, flags.failureThreshold));
  if (failing.length > 0) throw new CommandError(`${severityCounts(diagnostics)} found`);
  const others = diagnostics.length === 0 ? "" : ` (${severityCounts(diagnostics)})`;
  io.stderr(`no errors found${others}${flags.envoy === true ? accepted : ""}\n`);
}

const accepted = "; Envoy accepts the bootstrap";

/** The topology exists only if there is no error. */
function printed({ topology, diagnostics }: ReadTopology, output: CheckFlags["output"]): string {
  const isSound = diagnostics.every(({ severity }) => severity !== "error");
  switch (output) {
    case "json":
      return `${printableJson(isSound ? topology : { diagnostics })}\n`;
    case "diagnostics":
      return `${printableJson({ diagnostics })}\n`;
    case "sarif":
      return `${printableJson(sarifOf(diagnostics))}\n`;
    case "yaml":
      return isSound ? stringify(topology, { lineWidth: 0, aliasDuplicateObjects: false }) : "";
    case "table":
      return isSound ? `${poolTable(topology)}\n${memoryTable(topology)}` : "";
  }
}

function poolTable({ pools }: ReadTopology["topology"]): string {
  const rows = pools.map(({ name, picker, failureMode, endpoints, dns }) => {
    const where = dns === undefined ? endpoints.join("\n") : `${dns.hostname}:${dns.port} (DNS)`;
    return [printable(name), picker, failureMode, where === "" ? "no endpoints" : where];
  });
  return tableText(["pool", "picker", "failure mode", "endpoints"], rows);
}
