export { type ConfigurationSource, startConfiguration } from "./configuration-source.ts";
export type {
  ConfigurationSourceOptions,
  ConfigurationUpdate,
  RenderingOptions,
  SourceText,
  SourceTopologyOptions,
} from "./configuration-update.ts";
export { createEncoder, type Encode, type Encoded } from "./encode/encoder.ts";
export {
  type FileFacts,
  type FileProblem,
  type FileSystem,
  type FoundFiles,
  findFiles,
  maxFileBytes,
} from "./files/find-files.ts";
export type { ObjectChange } from "./object-change.ts";
export type { Refusal } from "./refusals/refusal.ts";
export type { ListenerReply, ServedFacts, StatusChanges } from "./resolve/status-report.ts";
