import { parentPort, workerData } from "node:worker_threads";

const { module, name, args } = workerData as {
  readonly module: string;
  readonly name: string;
  readonly args: readonly unknown[];
};
const loaded = (await import(module)) as Record<string, (...given: readonly unknown[]) => unknown>;
parentPort?.postMessage(loaded[name]?.(...args));
