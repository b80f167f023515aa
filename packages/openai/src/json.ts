export {
  editJson,
  type JsonEdit,
  type JsonEditOld,
  type JsonEditValue,
  setField,
} from "./json/edit-json.ts";
export { type JsonKeys, jsonKeys } from "./json/json-keys.ts";
export type { JsonFault, JsonScanErrorCode } from "./json/json-members.ts";
export {
  everyElement,
  type JsonContent,
  type JsonField,
  type JsonFields,
  type JsonScan,
  type JsonSpan,
  scanJson,
} from "./json/json-scan.ts";
