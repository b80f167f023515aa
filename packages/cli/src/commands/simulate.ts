import { once } from "node:events";
import { isCalled, type ModelServer } from "@umbra/envoy-config";
import { printable } from "@umbra/shadow/printable";
import { createSimulatedServer, parseVllmArgs, type SimulatedServer } from "@umbra/simulator";
import { Command, Option } from "commander";
import { CommandError, UsageError } from "../errors.ts";
import { ipOf, wholeNumberOf } from "../flag-shapes.ts";
import { collect } from "../flags.ts";
import type { Io } from "../io.ts";
import { numberOf } from "../resources/host-port.ts";
import { soundTopologyOf } from "../resources/topology-flags.ts";

interface SimulateFlags {
  readonly file?: readonly string[];
  readonly deployment?: string;
  readonly replicas?: number;
  readonly port?: number;
  readonly bind: string;
  readonly timeScale: number;
  readonly output: "table" | "json";
}

/** `umbra simulate`: simulated vLLM servers, until SIGINT or SIGTERM. */
export function simulateCommand(io: Io): Command {
  return new Command("simulate")
    .summary("run simulated vLLM servers")
    .description(
      "Runs simulated vLLM servers: no model, but vLLM's API, metrics, queue, KV cache and LoRA slots. What they answer is made up.",
    )
    .argument("[vllm arguments...]", "after --, as `vllm serve` takes them")
    .option("-f, --file <path>", "take the arguments from a Deployment; repeatable", collect)
    .option("--deployment <name>", "which Deployment, when the files hold several")
    .option(
      "--replicas <count>",
      "how many servers",
      wholeNumberOf("--replicas", { min: 1, max: 100 }),
    )
    .option(
      "--port <port>",
      "of the first server, the next ones follow; 0 takes free ones (default: the arguments' port, else 8000)",
      wholeNumberOf("--port", { min: 0, max: 65_535 }),
    )
    .option("--bind <ip>", "address to bind", ipOf("--bind"), "127.0.0.1")
    .option(
      "--time-scale <factor>",
      "1 is as slow as a GPU, 0 answers at once",
      numberOf("--time-scale", { min: 0, max: 1_000 }),
      1,
    )
    .addOption(
      new Option("-o, --output <form>", "how the addresses are printed")
        .choices(["table", "json"])
        .default("table"),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  $ umbra simulate --replicas 3 -- --model /model/llama2 --enable-lora --lora-modules sql-lora=/adapters/sql\n  $ umbra simulate -f examples/mirror --deployment vllm-llama2-7b-pool",
    )
    .action(async (vllmArguments: readonly string[], flags: SimulateFlags) => {
      const deployment = flags.file === undefined ? undefined : deploymentOf(flags, io);
      const { options, ignored } = parseVllmArgs([...(deployment?.args ?? []), ...vllmArguments]);
      if (ignored.length > 0)
        io.stderr(`simulate: without effect here: ${printable(ignored.join(" "))}\n`);
      const replicas = flags.replicas ?? deployment?.replicas ?? 1;
      const firstPort = flags.port ?? options.port ?? 8_000;
      const servers: SimulatedServer[] = [];
      const addresses: string[] = [];
      try {
        for (let index = 0; index < replicas; index++) {
          const server = createSimulatedServer({
            ...options,
            timeScale: flags.timeScale,
            seed: (options.seed ?? 0) + index,
            log: (line) => io.stderr(`${printable(line)}\n`),
          });
          servers.push(server);
          const port = firstPort === 0 ? 0 : firstPort + index;
          addresses.push(
            await server.listen(port, flags.bind).catch((cause: Error) => {
              throw new CommandError(
                `port ${port} can't be listened on: ${cause.message}; choose another with --port`,
                { cause },
              );
            }),
          );
        }
        io.stdout(
          flags.output === "json"
            ? `${JSON.stringify({ endpoints: addresses })}\n`
            : `${addresses.join("\n")}\n`,
        );
        if (!io.signal.aborted) await once(io.signal, "abort");
      } finally {
        await Promise.all(servers.map((server) => server.close()));
      }
    });
}

function deploymentOf({ file, deployment }: SimulateFlags, io: Io): ModelServer {
  const { modelServers } = soundTopologyOf(file === undefined ? {} : { file }, io);
  const names = modelServers.map(({ name }) => name);
  if (deployment === undefined && modelServers.length > 1) {
    throw new UsageError(
      `the files hold several Deployments; choose one with --deployment: ${names.join(", ")}`,
    );
  }
  const found = modelServers.find(
    ({ namespace, resourceName: name }) =>
      deployment === undefined || isCalled({ namespace, name }, deployment),
  );
  if (found === undefined) {
    throw new CommandError(
      names.length === 0
        ? "the files hold no Deployment of vLLM"
        : `there is no Deployment "${deployment}"; there are ${names.join(", ")}`,
    );
  }
  return found;
}
