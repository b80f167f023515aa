import { parentPort, workerData } from "node:worker_threads";
import { readTopology } from "@umbra/envoy-config";

const { diagnostics } = readTopology([{ name: "hostile.yaml", text: workerData as string }]);
const counts: Record<string, number> = {};
for (const { code } of diagnostics) counts[code] = (counts[code] ?? 0) + 1;
const longest = Math.max(
  ...diagnostics.map(({ message, remedy }) => message.length + remedy.length),
  0,
);
parentPort?.postMessage({ counts, longest });
