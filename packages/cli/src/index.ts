export { envoyAdvisories, holdFor, nodeAdvisories } from "./doctor/advisories.ts";
export { judgePool } from "./doctor/endpoints.ts";
export { type EnvoyFound, judgeEnvoy } from "./doctor/envoy.ts";
export type { Finding } from "./doctor/finding.ts";
export { inTurns } from "./doctor/in-turns.ts";
export { judgeMachine, type Machine, thisMachine } from "./doctor/machine.ts";
export { judgePorts, type WantedPort } from "./doctor/ports.ts";
export { versionIn } from "./doctor/version.ts";
export type { Io } from "./io.ts";
export { main } from "./main.ts";
export {
  defaultRestartLimits,
  type KeptChild,
  keepRunning,
  type RestartLimits,
} from "./process/keep-running.ts";
export { program } from "./program.ts";
export type { TopologyFlags } from "./resources/topology-flags.ts";
