export type { BandSettings, FlowSettings } from "./flow-control.ts";
export {
  type PickerConfig,
  type PickerConfigResult,
  pickerConfigKind,
  pickerConfigVersions,
  profileAttribute,
  readPickerConfig,
} from "./picker-config.ts";
export { type ConfigPath, type ConfigProblem, pathText } from "./problem.ts";
