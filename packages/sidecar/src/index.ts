export { type RequestErrorCode, requestErrorCodes } from "./openai/error-reply.ts";
export {
  type JsonField,
  type JsonScan,
  type JsonScanErrorCode,
  scanJson,
} from "./openai/json-scan.ts";
export { type RequestBody, readRequestBody } from "./openai/read-request.ts";
export { type Sidecar, type SidecarOptions, startSidecar } from "./sidecar.ts";
