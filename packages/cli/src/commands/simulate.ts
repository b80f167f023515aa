import { once } from "node:events";
import { isCalled, type ModelServer } from "@umbra/envoy-config";
import { printable } from "@umbra/shadow/printable";
import { createSimulatedServer, parseVllmArgs, type SimulatedServer } from "@umbra/simulator";
import type { Command } from "commander";
import { CommandError, UsageError } from "../errors.ts";
import { collect, ip, number, wholeNumber } from "../flag-values.ts";
import { commandOf, type FlagsOf, flag, outputFlag } from "../flags.ts";
import type { Io } from "../io.ts";
import { soundReadOf } from "../resources/topology-flags.ts";

const simulateFlags = {
  file: flag("-f, --file <path>", "take the arguments from a Deployment; repeatable", collect),
  deployment: flag("--deployment <name>", "which Deployment, when the files hold several"),
  replicas: flag("--replicas <count>", "how many servers", wholeNumber(1, 100)),
  port: flag(
    "--port <port>",
    "of the first server, the next ones follow; 0 takes free ones (default: the arguments' port, else 8000)",
    wholeNumber(0, 65_535),
  ),
  bind: flag("--bind <ip>", "address to bind", ip, "127.0.0.1"),
  timeScale: flag(
    "--time-scale <factor>",
    "1 is as slow as a GPU, 0 answers at once",
    number(0, 1_000),
    1,
  ),
  output: outputFlag("how the addresses are printed"),
};

type SimulateFlags = FlagsOf<typeof simulateFlags>;

/** `umbra simulate`: simulated vLLM servers, until SIGINT or SIGTERM. */
export function simulateCommand(io: Io): Command {
  return commandOf("simulate", {
    summary: "run simulated vLLM servers",
    description:
      "Runs simulated vLLM servers: no model, but vLLM's API, metrics, queue, KV cache and LoRA slots. What they answer is made up.",
    examples: [
      "umbra simulate --replicas 3 -- --model /model/llama2 --enable-lora --lora-modules sql-lora=/adapters/sql",
      "umbra simulate -f examples/mirror --deployment vllm-llama2-7b-pool",
    ],
    flags: [simulateFlags],
  })
    .argument("[vllm arguments...]", "after --, as `vllm serve` takes them")
    .action((vllmArguments: readonly string[], flags: SimulateFlags) =>
      simulate(vllmArguments, flags, io),
    );
}

async function simulate(
  vllmArguments: readonly string[],
  flags: SimulateFlags,
  io: Io,
): Promise<void> {
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
      addresses.push(await server.listen(port, flags.bind).catch((cause) => noPort(port, cause)));
    }
    const isJson = flags.output === "json";
    io.stdout(`${isJson ? JSON.stringify({ endpoints: addresses }) : addresses.join("\n")}\n`);
    if (!io.signal.aborted) await once(io.signal, "abort");
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}

function noPort(port: number, cause: Error): never {
  throw new CommandError(
    `port ${port} can't be listened on: ${cause.message}; choose another with --port`,
    { cause },
  );
}

function deploymentOf({ file, deployment }: SimulateFlags, io: Io): ModelServer {
  const { modelServers } = soundReadOf(file === undefined ? {} : { file }, io).topology;
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
