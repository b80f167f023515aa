// What only this repository's tests, benches and simulations import, as `@umbra/sidecar/internal`. No promises: it may change in
// any version, and it resolves only under the condition `@umbra/source`, which this repository sets and an application does not.

export { redact } from "./capture/redact.ts";
export { errorReply } from "./decision/error-reply.ts";
export { type RequestErrorCode, requestErrorCodes } from "./decision/refusals.ts";
export { createDistribution } from "./metrics/distribution.ts";
export { createLabelValues } from "./metrics/label-values.ts";
export { createTable } from "./metrics/table.ts";
export { type Breaker, createBreaker } from "./mirror/breaker.ts";
export { createBudget } from "./mirror/budget.ts";
export { ineligibleFor } from "./mirror/eligibility.ts";
export { shareOf } from "./mirror/keyed-hash.ts";
export { createMirrorGate } from "./mirror/mirror-gate.ts";
export type { RequestView } from "./mirror/request-view.ts";
export { rewriteBody } from "./mirror/rewrite-body.ts";
export { sessionOf } from "./mirror/session.ts";
export { openEndpointKey } from "./scrape/endpoint-key.ts";
export { openCertificates } from "./tls/certificates.ts";
export { selfSigned } from "./tls/self-signed.ts";
