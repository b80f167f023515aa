export type { EngineGauges } from "./engine.ts";
export type { Faults } from "./faults.ts";
export type { PinnedMetrics } from "./metrics-page.ts";
export type { LoraModule, SimulatorOptions } from "./options.ts";
export { createSimulatedServer, type SimulatedServer, type SimulatorState } from "./server.ts";
export { parseVllmArgs, type VllmArgs } from "./vllm-args.ts";
