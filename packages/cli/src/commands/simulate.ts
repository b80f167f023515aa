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
  deployment: flag("--deployment <name>", "Deployment to simulate, if the files contain several"),
  replicas: flag("--replicas <count>", "number of servers", wholeNumber(1, 100)),
  port: flag(
    "--port <port>",
    "port of the first server; the others use the following ports; 0 chooses free ports (default: the port in the arguments, or 8000)",
    wholeNumber(0, 65_535),
  ),
  bind: flag("--bind <ip>", "IP address to listen on", ip, "127.0.0.1"),
  timeScale: flag(
    "--time-scale <factor>",
    "slowdown: 1 is as slow as a GPU, 0 answers immediately",
    number(0, 1_000),
    1,
  ),
  brokenToolCalls: flag(
    "--broken-tool-calls <share>",
    "share of tool calls with invalid arguments, 0 to 1",
    number(0, 1),
    0,
  ),
  output: outputFlag("output format"),
};

type SimulateFlags = FlagsOf<typeof simulateFlags>;

/** `umbra simulate`: runs simulated vLLM servers until SIGINT or SIGTERM. */
export function simulateCommand(io: Io): Command {
  return commandOf("simulate", {
    summary: "run simulated vLLM servers",
    description:
      "Runs simulated vLLM servers with vLLM's API, metrics, queue, KV cache and LoRA slots, but without a model. The answers are made up.",
    examples: [
      "umbra simulate --replicas 3 -- --model /model/llama2 --enable-lora --lora-modules sql-lora=/adapters/sql",
      "umbra simulate -f examples/mirror --deployment vllm-llama2-7b-pool",
    ],
    flags: [simulateFlags],
  })
    .argument("[vllm arguments...]", "arguments of `vllm serve`, after --")
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
    io.stderr(`simulate: ignored arguments: ${printable(ignored.join(" "))}\n`);
  const replicas = flags.replicas ?? deployment?.replicas ?? 1;
  const firstPort = flags.port ?? options.port ?? 8_000;
  const servers: SimulatedServer[] = [];
  const addresses: string[] = [];
  try {
    for (let index = 0; index < replicas; index++) {
      const server = createSimulatedServer({
        ...options,
        ...{ timeScale: flags.timeScale, brokenToolCalls: flags.brokenToolCalls },
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
    `can't listen on port ${port}: ${cause.message}; choose another with --port`,
    { cause },
  );
}

function deploymentOf({ file, deployment }: SimulateFlags, io: Io): ModelServer {
  const { modelServers } = soundReadOf(file === undefined ? {} : { file }, io).topology;
  const names = modelServers.map(({ name }) => name);
  if (deployment === undefined && modelServers.length > 1) {
    throw new UsageError(
      `the files contain several Deployments; choose one with --deployment: ${names.join(", ")}`,
    );
  }
  const found = modelServers.find(
    ({ namespace, resourceName: name }) =>
      deployment === undefined || isCalled({ namespace, name }, deployment),
  );
  if (found === undefined) {
    throw new CommandError(
      names.length === 0
        ? "the files contain no vLLM Deployment"
        : `there is no Deployment "${deployment}"; choose one of ${names.join(", ")}`,
    );
  }
  return found;
}
