import { readFileSync } from "node:fs";
import type { Topology } from "@umbra/envoy-config";
import type { Explained } from "@umbra/sidecar";
import type { Command } from "commander";
import { CommandError, UsageError } from "../errors.ts";
import { explanationTable } from "../explain/explanation-table.ts";
import { explainState } from "../explain/given-state.ts";
import { collect, number, wholeNumber } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag, mandatory, outputFlag } from "../flags.ts";
import type { Io } from "../io.ts";
import { adminFlag, askAdmin } from "../process/admin-client.ts";
import { soundReadOf } from "../resources/topology-flags.ts";
import { print } from "../tables.ts";

const explainFlags = {
  pool: mandatory(flag("--pool <name>", "an InferencePool, or <namespace>/<name>")),
  model: flag("--model <name>", "the model or adapter that the request asks for"),
  session: flag("--session <name>", "the request's session"),
  promptTokens: flag("--prompt-tokens <count>", "length of its prompt", wholeNumber(0, 1e9)),
  priority: flag("--priority <number>", "instead of its model's criticality", number(-1e6, 1e6)),
  admin: adminFlag,
  state: flag("--state <file>", "a state instead of a running sidecar's"),
  file: flag(
    "-f, --file <path>",
    "resources whose EndpointPickerConfig and models count, instead of the running sidecar's; repeatable",
    collect,
  ),
  output: outputFlag("how the explanation is printed"),
};

type ExplainFlags = FlagsOf<typeof explainFlags>;

/** `umbra explain`: why a request goes where it goes. */
export function explainCommand(io: Io): Command {
  return commandOf("explain", {
    summary: "show why a request would go where it would go",
    description:
      "Shows every filter's survivors and every scorer's scores for one request: by a running sidecar's state, or by " +
      "a state from a file (as the sidecar's /v1/pools prints it). With -f it goes by the models and the " +
      "EndpointPickerConfig of those files, so a change can be tried on the live state. Nothing is sent, and nothing is remembered.",
    examples: [
      "umbra explain --pool llama --model sql-lora",
      "umbra explain -f manifests/ --pool llama --model sql-lora",
      "curl -s 127.0.0.1:9090/v1/pools >state.json; umbra explain --state state.json -f manifests/ --pool llama --model sql-lora",
    ],
    flags: [explainFlags],
  }).action(async (flags: ExplainFlags, command: Command) => {
    if (flags.state !== undefined && command.getOptionValueSource("admin") === "cli") {
      throw new UsageError("--state and --admin exclude each other: give one");
    }
    const explained = await explain(flags, io);
    print(flags.output, explained, explanationTable(explained), io);
    if (explained.explanation.picked === undefined)
      throw new CommandError("the request would be refused");
  });
}

async function explain(flags: ExplainFlags, io: Io): Promise<Explained> {
  if (flags.state === undefined && flags.file === undefined) return live(flags);
  const topology: Topology | undefined =
    flags.file === undefined
      ? undefined
      : soundReadOf({ file: flags.file }, io, { isGatewayNeeded: false }).topology;
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
