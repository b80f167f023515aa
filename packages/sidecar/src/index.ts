export { redact } from "./capture/redact.ts";
export type { GatewayOptions } from "./exchange/gateway-stream.ts";
export { promptOf } from "./exchange/prompt.ts";
export { createTwinWatch, type TwinWatch } from "./exchange/twin-watch.ts";
export { livePage } from "./live-page/page.ts";
export { createDistribution, type Distribution } from "./metrics/distribution.ts";
export type { MetricFamily } from "./metrics/exposition.ts";
export { createLabelValues, type LabelValues } from "./metrics/label-values.ts";
export { createTable, type Table } from "./metrics/table.ts";
export { type Breaker, createBreaker } from "./mirror/breaker.ts";
export { type Budget, createBudget } from "./mirror/budget.ts";
export { type IneligibleReason, ineligibleFor, ineligibleReasons } from "./mirror/eligibility.ts";
export { shareOf } from "./mirror/keyed-hash.ts";
export { createMirrorGate, type MirrorGate, type MirrorState } from "./mirror/mirror-gate.ts";
export type { RequestView } from "./mirror/request-view.ts";
export { rewriteBody } from "./mirror/rewrite-body.ts";
export { sessionOf } from "./mirror/session.ts";
export { type BodyDecoder, createBodyDecoder } from "./openai/content-coding.ts";
export { editJson, type JsonEdit, setField } from "./openai/edit-json.ts";
export { errorReply, type RequestErrorCode, requestErrorCodes } from "./openai/error-reply.ts";
export { type JsonKeys, jsonKeys } from "./openai/json-keys.ts";
export type { JsonFault, JsonScanErrorCode } from "./openai/json-members.ts";
export {
  everyElement,
  type JsonField,
  type JsonFields,
  type JsonScan,
  scanJson,
} from "./openai/json-scan.ts";
export { readFormField } from "./openai/multipart.ts";
export { type RequestBody, readRequestBody } from "./openai/read-request.ts";
export { openEndpointKey, readEndpointKey } from "./scrape/endpoint-key.ts";
export { type EndpointConnectOptions, endpointConnectOptions } from "./scrape/endpoint-trust.ts";
export { modelListTooLong, readModelList } from "./scrape/model-list.ts";
export { unverifiedEndpoints } from "./scrape/unverified-tls.ts";
export { type Sidecar, type SidecarOptions, startSidecar } from "./sidecar.ts";
export { type CertificateSource, openCertificates } from "./tls/certificates.ts";
export { selfSigned } from "./tls/self-signed.ts";
export { readTraceContext, type TraceContext, traceparentOf } from "./traces/trace-context.ts";
