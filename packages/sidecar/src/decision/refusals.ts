import type { RequestBodyErrorCode } from "@umbra/openai";
import type { Decoded } from "@umbra/openai/decode";
import type { KnownLoad, SchedulingErrorCode } from "@umbra/scheduler";
import type { FlowErrorCode } from "@umbra/scheduler/flow";

/** Why Umbra refuses a request. Stable: clients branch on it, `docs/errors.md` explains it. */
export type RequestErrorCode =
  | RequestBodyErrorCode
  | "bad_request"
  | "model_not_found"
  | "request_too_large"
  | "request_too_compressed"
  | "invalid_content_encoding"
  | "unsupported_content_encoding"
  | "unsupported_trailers"
  | "no_ready_endpoints"
  | "overloaded"
  | "unknown_pool";

/** Codes whose message only the request can fill in: it has a `{}`. */
export type UnfilledCode = RequestBodyErrorCode | "model_not_found" | "request_too_large";

type MessageOf<C> = C extends UnfilledCode ? `${string}{}${string}` : string;

/** Why a request was dropped that would be served at another time, in the words of the endpoint picker protocol. */
export type DroppedReason =
  | "rejected-saturated"
  | "rejected-no-endpoints"
  | "rejected-ttl-expired"
  | "rejected-context-cancelled"
  | "rejected-shutting-down"
  | "evicted-queue-pressure";

/** How a code is answered. The type of the error follows from the status: `errorAnswer` has one for each. */
interface Answer {
  /** `{}` stands for what only the request tells: a model, a limit, or all that the reader of the body found. */
  readonly message: string;
  readonly param?: "model";
}

export type RequestError =
  | (Answer & {
      readonly status: 400 | 404 | 413 | 415;
      readonly dropped: undefined;
      readonly retryAfterSeconds?: undefined;
    })
  | (Answer & {
      readonly status: 429 | 503;
      readonly dropped: DroppedReason;
      readonly retryAfterSeconds: number;
    });

/** What the client sent can't be served. */
function bad<M extends string>(
  status: 400 | 404 | 413 | 415,
  message: M,
): RequestError & { readonly message: M } {
  return { status, message, dropped: undefined };
}

/** The same request may be served at another time. */
function later(status: 429 | 503, dropped: DroppedReason, message: string): RequestError {
  return { status, message, dropped, retryAfterSeconds: 1 };
}

export const requestErrors: Readonly<{
  [C in RequestErrorCode]: RequestError & { readonly message: MessageOf<C> };
}> = {
  invalid_json: bad(400, "{}"),
  invalid_json_type: bad(400, "{}"),
  json_too_deep: bad(400, "{}"),
  json_too_complex: bad(400, "{}"),
  missing_model: { ...bad(400, "{}"), param: "model" },
  invalid_model: { ...bad(400, "{}"), param: "model" },
  invalid_form: bad(400, "{}"),
  bad_request: bad(400, "a header's name has an underscore, which this gateway does not accept"),
  model_not_found: { ...bad(404, "the model `{}` does not exist"), param: "model" },
  request_too_large: bad(413, "the request body is larger than this gateway accepts ({} bytes)"),
  request_too_compressed: bad(
    413,
    "the request body is more than 1 MiB and 100 times as long as its compressed bytes: send it as it is",
  ),
  invalid_content_encoding: bad(
    400,
    "the request body is not compressed as its content-encoding says",
  ),
  unsupported_content_encoding: bad(
    415,
    "request bodies may come as they are, or compressed by gzip, deflate, br or zstd alone",
  ),
  unsupported_trailers: bad(
    400,
    "the request body must not end with trailers on this route: send it without, or have the pool picked `buffered`",
  ),
  no_ready_endpoints: later(
    503,
    "rejected-no-endpoints",
    "the pool has no endpoint that can be used",
  ),
  overloaded: later(429, "rejected-saturated", "every endpoint of the pool is full"),
  unknown_pool: later(
    503,
    "rejected-no-endpoints",
    "the picker does not know this route's pool yet",
  ),
};

export const requestErrorCodes: readonly RequestErrorCode[] = Object.keys(
  requestErrors,
) as readonly RequestErrorCode[];

/** What a client is told whose request is not served. */
export type Refusal = {
  /** As the code has it when absent. */
  readonly dropped?: DroppedReason;
  /** The end of the message while no endpoint's load is known, so that nobody can say that the pool is full. */
  readonly unknownLoad?: string;
} & (
  | { readonly code: UnfilledCode; readonly message: string }
  /** The message is as the code has it when absent. */
  | { readonly code: Exclude<RequestErrorCode, UnfilledCode>; readonly message?: string }
);

/** By what the scheduler or the queue says. */
export const refusals: Readonly<Record<SchedulingErrorCode | FlowErrorCode, Refusal>> = {
  POOL_EMPTY: { code: "no_ready_endpoints" },
  NO_ELIGIBLE_ENDPOINT: {
    code: "no_ready_endpoints",
    message: "the pool has no endpoint that may serve this request",
  },
  POOL_SATURATED: { code: "overloaded", unknownLoad: "the pool takes no more" },
  SHED: {
    code: "overloaded",
    message: "the pool is full, and this request's priority is too low to wait for it",
    unknownLoad: "this request's priority is too low to wait for one to end",
  },
  QUEUE_FULL: {
    code: "overloaded",
    message: "the pool is full, and so is its queue",
    unknownLoad: "the pool's queue is full",
  },
  EVICTED: {
    code: "overloaded",
    dropped: "evicted-queue-pressure",
    message:
      "the pool's queue is full, and a request of a higher priority has taken this one's place",
    unknownLoad: "a request of a higher priority has taken this one's place in the queue",
  },
  TTL_EXPIRED: {
    code: "overloaded",
    dropped: "rejected-ttl-expired",
    message: "the pool was full for as long as this request may wait",
    unknownLoad: "this request has waited for as long as it may",
  },
  NO_ENDPOINTS: {
    code: "no_ready_endpoints",
    message: "the pool had no endpoint for as long as this request may wait",
  },
  CANCELLED: {
    code: "overloaded",
    dropped: "rejected-context-cancelled",
    message: "the client has gone away",
  },
  SHUTTING_DOWN: {
    code: "no_ready_endpoints",
    dropped: "rejected-shutting-down",
    message: "the picker is shutting down",
  },
};

/**
 * What the client of a refused request reads. While the load of no endpoint is known nobody has seen the pool full: the
 * message then says what was counted instead, and why the newest scrape failed.
 */
export function refusalMessage(refusal: Refusal, load: KnownLoad): string {
  const { code, message = requestErrors[code].message, unknownLoad } = refusal;
  if (unknownLoad === undefined || load.endpoints === 0 || load.knownEndpoints > 0) return message;
  const { inFlight, lastFailureKind } = load;
  const why = lastFailureKind === undefined ? "" : ` (${lastFailureKind})`;
  const requests = inFlight === 1 ? "1 request is" : `${inFlight} requests are`;
  return `no endpoint's load metrics could be read${why}; ${requests} in flight, and ${unknownLoad}`;
}

export const unknownCoding: Refusal = { code: "unsupported_content_encoding" };
export const unsupportedTrailers: Refusal = { code: "unsupported_trailers" };
export const unknownUnderscore: Refusal = { code: "bad_request" };
export const unknownPool: Refusal = { code: "unknown_pool" };

export const unnamedPool: Refusal = {
  code: "unknown_pool",
  message: "the picker serves several pools, and the gateway names none",
};

export const tooManyBodies: Refusal = {
  code: "overloaded",
  message: "the picker is reading too many request bodies: send the request again later",
};

/** Names at most 64 characters of the client's text. */
export function unknownModel(model: string): Refusal {
  const shown = model.length > 64 ? `${model.slice(0, 64)}…` : model;
  const code = "model_not_found";
  return { code, message: requestErrors[code].message.replace("{}", () => shown) };
}

export function tooLarge(maxBodyBytes: number): Refusal {
  const code = "request_too_large";
  return { code, message: requestErrors[code].message.replace("{}", String(maxBodyBytes)) };
}

/** Why a compressed body was not decoded. */
export function undecoded(
  reason: Extract<Decoded, { ok: false }>["reason"],
  maxBodyBytes: number,
): Refusal {
  switch (reason) {
    case "too large":
      return tooLarge(maxBodyBytes);
    case "too dense":
      return { code: "request_too_compressed" };
    case "broken":
      return { code: "invalid_content_encoding" };
    case "busy":
      return {
        code: "overloaded",
        message: "too many compressed bodies are waiting to be read: send the body as it is",
      };
  }
}
