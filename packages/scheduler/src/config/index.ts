export type { BandSettings, FlowSettings } from "./flow-control.ts";
export {
  type PickerConfig,
  type PickerConfigResult,
  profileAttribute,
  readPickerConfig,
} from "./picker-config.ts";
export { type ConfigPath, type ConfigProblem, pathText } from "./problem.ts";
