import {
  createSimulatedServer,
  type SimulatedServer,
  type SimulatorOptions,
} from "@umbra/simulator";

/** A simulated model server and where it listens. */
export interface ModelServer {
  readonly server: SimulatedServer;
  readonly address: string;
}

/** Where model servers listen, if not at any port of loopback. */
interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Model servers that answer at once and know the scenario's model and adapters. */
export async function startModelServers(
  count: number,
  { host = "127.0.0.1", port = 0, ...options }: Partial<SimulatorOptions & ListenAddress> = {},
): Promise<ModelServer[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const server = createSimulatedServer({
        model: "/model/llama2",
        enableLora: true,
        maxLoras: 4,
        loraModules: ["sql-lora", "tweet-summary"].map((name) => ({
          name,
          path: `/adapters/${name}`,
        })),
        maxModelLen: 10_000_000,
        numGpuBlocks: 1_000_000,
        timeScale: 0,
        seed: index,
        ...options,
      });
      return { server, address: await server.listen(port, host) };
    }),
  );
}

export async function stopModelServers(servers: readonly ModelServer[]): Promise<void> {
  await Promise.all(servers.map(({ server }) => server.close()));
}

export function addresses(servers: readonly ModelServer[]): string {
  return servers.map(({ address }) => address).join(",");
}
