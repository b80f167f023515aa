import { readFileSync } from "node:fs";
import type { Topology } from "@umbra/envoy-config";
import { printableJson } from "@umbra/shadow/printable";
import type { Explained } from "@umbra/sidecar";
import { Command, Option } from "commander";
import { CommandError, UsageError } from "../errors.ts";
import { explanationTable } from "../explain/explanation-table.ts";
import { explainState } from "../explain/given-state.ts";
import { wholeNumberOf } from "../flag-shapes.ts";
import { collect } from "../flags.ts";
import type { Io } from "../io.ts";
import { adminOption, askAdmin } from "../process/admin-client.ts";
import { numberOf } from "../resources/host-port.ts";
import { soundTopologyOf } from "../resources/topology-flags.ts";

interface ExplainFlags {
  readonly pool: string;
  readonly model?: string;
  readonly session?: string;
  readonly promptTokens?: number;
  readonly priority?: number;
  readonly file?: readonly string[];
  readonly state?: string;
  readonly admin: string;
  readonly output: "table" | "json";
}

/** `umbra explain`: why a request goes where it goes. */
export function explainCommand(io: Io): Command {
  const command = new Command("explain");
  return command
    .summary("show why a request would go where it would go")
    .description(
      "Shows every filter's survivors and every scorer's scores for one request: by a running sidecar's state, or by " +
        "a state from a file (as the sidecar's /v1/pools prints it). With -f it goes by the models and the " +
        "EndpointPickerConfig of those files, so a change can be tried on the live state. Nothing is sent, and nothing is remembered.",
    )
    .requiredOption("--pool <name>", "an InferencePool, or <namespace>/<name>")
    .option("--model <name>", "the model or adapter that the request asks for")
    .option("--session <name>", "the request's session")
    .option(
      "--prompt-tokens <count>",
      "length of its prompt",
      wholeNumberOf("--prompt-tokens", { min: 0, max: 1e9 }),
    )
    .option(
      "--priority <number>",
      "instead of its model's criticality",
      numberOf("--priority", { min: -1e6, max: 1e6 }),
    )
    .addOption(adminOption())
    .option("--state <file>", "a state instead of a running sidecar's")
    .option(
      "-f, --file <path>",
      "resources whose EndpointPickerConfig and models count, instead of the running sidecar's; repeatable",
      collect,
    )
    .addOption(
      new Option("-o, --output <form>", "how the explanation is printed")
        .choices(["table", "json"])
        .default("table"),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  $ umbra explain --pool llama --model sql-lora\n" +
        "  $ umbra explain -f manifests/ --pool llama --model sql-lora\n" +
        "  $ curl -s 127.0.0.1:9090/v1/pools >state.json; umbra explain --state state.json -f manifests/ --pool llama --model sql-lora",
    )
    .action(async (flags: ExplainFlags) => {
      if (flags.state !== undefined && command.getOptionValueSource("admin") === "cli") {
        throw new UsageError("--state and --admin exclude each other: give one");
      }
      const explained = await explain(flags, io);
      io.stdout(
        flags.output === "json" ? `${printableJson(explained)}\n` : explanationTable(explained),
      );
      if (explained.explanation.picked === undefined)
        throw new CommandError("the request would be refused");
    });
}

async function explain(flags: ExplainFlags, io: Io): Promise<Explained> {
  if (flags.state === undefined && flags.file === undefined) return live(flags);
  const topology: Topology | undefined =
    flags.file === undefined
      ? undefined
      : soundTopologyOf({ file: flags.file }, io, { isGatewayNeeded: false });
  const state =
    flags.state === undefined ? await askAdmin(flags.admin, "/v1/pools") : readState(flags.state);
  return explainState(state, flags, topology);
}

function live(flags: ExplainFlags): Promise<Explained> {
  const query = new URLSearchParams({ pool: flags.pool, model: flags.model ?? "" });
  for (const key of ["session", "promptTokens", "priority"] as const) {
    if (flags[key] !== undefined) query.set(key, String(flags[key]));
  }
  return askAdmin(flags.admin, "/v1/explain", { query });
}

function readState(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new CommandError(
      `"${file}" can't be read as a state: ${(cause as Error).message}; save one with curl http://127.0.0.1:9090/v1/pools`,
    );
  }
}
