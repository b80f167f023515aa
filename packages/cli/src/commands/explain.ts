import { readFileSync } from "node:fs";
import type { Topology } from "@umbra/envoy-config";
import { defined } from "@umbra/shadow/defined";
import type { Explained } from "@umbra/sidecar";
import type { Command } from "commander";
import { CommandError, UsageError } from "../errors.ts";
import { explanationTable } from "../explain/explanation-table.ts";
import { explainState } from "../explain/saved-state.ts";
import { collect, number, wholeNumber } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag, mandatory, outputFlag } from "../flags.ts";
import type { Io } from "../io.ts";
import { readUsableResources } from "../kube/read-resources.ts";
import { adminFlag, queryAdmin } from "../process/admin-client.ts";
import { type KubeFlags, kubeChoiceOf, kubeFlags } from "../resources/kube-flags.ts";
import { print } from "../tables.ts";

const explainFlags = {
  pool: mandatory(flag("--pool <name>", "InferencePool, as <name> or <namespace>/<name>")),
  model: flag("--model <name>", "requested model or adapter"),
  session: flag("--session <name>", "session of the request"),
  promptTokens: flag("--prompt-tokens <count>", "length of the prompt", wholeNumber(0, 1e9)),
  priority: flag(
    "--priority <number>",
    "priority of the request, instead of its model's criticality",
    number(-1e6, 1e6),
  ),
  admin: adminFlag,
  state: flag("--state <file>", "file with a saved state, instead of a running sidecar's state"),
  file: flag(
    "-f, --file <path>",
    "resources whose EndpointPickerConfig and models to use, instead of the running sidecar's; repeatable",
    collect,
  ),
  output: outputFlag("output format"),
};

type ExplainFlags = FlagsOf<typeof explainFlags> & KubeFlags;

/** `umbra explain`: shows why a request is routed to an endpoint. */
export function explainCommand(io: Io): Command {
  return commandOf("explain", {
    summary: "show how an endpoint is picked for a request",
    description:
      "Shows which endpoints each filter keeps and how each scorer rates them, for one request. " +
      "The state comes from a running sidecar or from a file (saved from the sidecar's /v1/pools). " +
      "With -f or --kube, uses the models and the EndpointPickerConfig from these files or from the Kubernetes API server, so you can try a change on the live state. " +
      "Sends no request and changes nothing.",
    examples: [
      "umbra explain --pool llama --model sql-lora",
      "umbra explain -f manifests/ --pool llama --model sql-lora",
      "umbra explain --kube --namespace inference --pool llama --model sql-lora",
      "curl -s 127.0.0.1:9090/v1/pools >state.json; umbra explain --state state.json -f manifests/ --pool llama --model sql-lora",
    ],
    flags: [explainFlags, kubeFlags],
  }).action(async (flags: ExplainFlags, command: Command) => {
    if (flags.state !== undefined && command.getOptionValueSource("admin") === "cli") {
      throw new UsageError("give either --state or --admin, not both");
    }
    const explained = await explain(flags, io);
    print(flags.output, explained, explanationTable(explained), io);
    if (explained.explanation.picked === undefined)
      throw new CommandError("the request would be refused");
  });
}

async function explain(flags: ExplainFlags, io: Io): Promise<Explained> {
  const hasResources = kubeChoiceOf(flags) !== undefined || flags.file !== undefined;
  if (flags.state === undefined && !hasResources) return live(flags);
  const topology = hasResources ? await topologyFor(flags, io) : undefined;
  const state =
    flags.state === undefined ? await queryAdmin(flags.admin, "/v1/pools") : readState(flags.state);
  return explainState(state, flags, topology);
}

/** Only what flags of resources say: `--pool` here is the request's. */
async function topologyFor(flags: ExplainFlags, io: Io): Promise<Topology> {
  const { file, kube, kubeconfig, namespace, allNamespaces } = flags;
  const given = defined({ file, kube, kubeconfig, namespace, allNamespaces });
  const needs = { isGatewayNeeded: false, isRendering: false };
  return (await readUsableResources(given, io, needs)).topology;
}

function live(flags: ExplainFlags): Promise<Explained> {
  const query = new URLSearchParams({ pool: flags.pool, model: flags.model ?? "" });
  for (const key of ["session", "promptTokens", "priority"] as const) {
    if (flags[key] !== undefined) query.set(key, String(flags[key]));
  }
  return queryAdmin(flags.admin, "/v1/explain", { query });
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
