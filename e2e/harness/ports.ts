import { createServer } from "node:net";

/** Below the ports that systems give to connections: none of those takes a port before its server listens. */
const [lowest, highest] = [10_000, 32_000];

/** Files run at the same time, each with ports of its own. */
let next = lowest + Math.floor(Math.random() * (highest - lowest));

/** Ports on loopback that are free now; never the same twice in one test file. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = next;
    next = port === highest ? lowest : port + 1;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const isBound = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (isBound) await new Promise((resolve) => server.close(resolve));
  return isBound;
}
