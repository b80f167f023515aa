// Sixteen simulated model servers in one process; tells their addresses.
import { createSimulatedServer } from "@umbra/simulator";

const endpoints = await Promise.all(
  Array.from({ length: 16 }, () => createSimulatedServer({ timeScale: 0 }).listen(0)),
);
process.on("message", () => process.exit(0));
process.send?.(endpoints);
