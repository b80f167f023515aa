import type { RequestBodyErrorCode } from "@umbra/openai";
import type { Decoded } from "@umbra/openai/decode";
import type { KnownLoad, SchedulingErrorCode } from "@umbra/scheduler";
import type { FlowErrorCode } from "@umbra/scheduler/flow";

/** The reason for refusing a request. Stable, because clients branch on it. Documented in `docs/errors.md`. */
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

/** Codes whose message has a placeholder `{}` for data of the request. */
export type UnfilledCode = RequestBodyErrorCode | "model_not_found" | "request_too_large";

type MessageOf<C> = C extends UnfilledCode ? `${string}{}${string}` : string;

/** The reason for dropping a request that may succeed later, as defined by the endpoint picker protocol. */
export type DroppedReason =
  | "rejected-saturated"
  | "rejected-no-endpoints"
  | "rejected-ttl-expired"
  | "rejected-context-cancelled"
  | "rejected-shutting-down"
  | "evicted-queue-pressure";

/** The answer for a code. The type of the error follows from the status, in `errorAnswer`. */
interface Answer {
  /** `{}` is a placeholder for data of the request: a model, a limit, or the body reader's message. */
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

/** Errors in the client's request. */
function bad<M extends string>(
  status: 400 | 404 | 413 | 415,
  message: M,
): RequestError & { readonly message: M } {
  return { status, message, dropped: undefined };
}

/** Errors after which the same request may succeed later. */
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
  bad_request: bad(400, "this gateway does not accept header names with an underscore"),
  model_not_found: { ...bad(404, "the model `{}` does not exist"), param: "model" },
  request_too_large: bad(413, "the request body is larger than this gateway accepts ({} bytes)"),
  request_too_compressed: bad(
    413,
    "the request body is larger than 1 MiB and more than 100 times its compressed size: send it uncompressed",
  ),
  invalid_content_encoding: bad(400, "the request body does not match its content-encoding"),
  unsupported_content_encoding: bad(
    415,
    "send request bodies uncompressed, or compressed with one of gzip, deflate, br or zstd",
  ),
  unsupported_trailers: bad(
    400,
    "this route does not support request trailers: send the request without trailers, or use pick mode `buffered` for the pool",
  ),
  no_ready_endpoints: later(503, "rejected-no-endpoints", "the pool has no usable endpoint"),
  overloaded: later(429, "rejected-saturated", "every endpoint of the pool is saturated"),
  unknown_pool: later(503, "rejected-no-endpoints", "this route's pool is unknown to the picker"),
};

export const requestErrorCodes: readonly RequestErrorCode[] = Object.keys(
  requestErrors,
) as readonly RequestErrorCode[];

/** The data for the answer to a refused request. */
export type Refusal = {
  /** The code's default when absent. */
  readonly dropped?: DroppedReason;
  /** The end of the message if no endpoint's load is known: then the pool must not be called saturated. */
  readonly unknownLoad?: string;
} & (
  | { readonly code: UnfilledCode; readonly message: string }
  /** The code's default message when absent. */
  | { readonly code: Exclude<RequestErrorCode, UnfilledCode>; readonly message?: string }
);

/** Refusals by the reason of the scheduler or the queue. */
export const refusals: Readonly<Record<SchedulingErrorCode | FlowErrorCode, Refusal>> = {
  POOL_EMPTY: { code: "no_ready_endpoints" },
  NO_ELIGIBLE_ENDPOINT: {
    code: "no_ready_endpoints",
    message: "the pool has no endpoint for this request",
  },
  POOL_SATURATED: { code: "overloaded", unknownLoad: "the pool accepts no more requests" },
  SHED: {
    code: "overloaded",
    message: "the pool is saturated, and this request's priority is too low to wait",
    unknownLoad: "this request's priority is too low to wait",
  },
  QUEUE_FULL: {
    code: "overloaded",
    message: "the pool is saturated and its queue is full",
    unknownLoad: "the pool's queue is full",
  },
  EVICTED: {
    code: "overloaded",
    dropped: "evicted-queue-pressure",
    message: "the pool's queue is full, and a request with a higher priority replaced this one",
    unknownLoad: "a request with a higher priority replaced this one in the queue",
  },
  TTL_EXPIRED: {
    code: "overloaded",
    dropped: "rejected-ttl-expired",
    message: "the pool stayed saturated for the maximum waiting time",
    unknownLoad: "this request waited for the maximum time",
  },
  NO_ENDPOINTS: {
    code: "no_ready_endpoints",
    message: "the pool had no endpoint for the maximum waiting time",
  },
  CANCELLED: {
    code: "overloaded",
    dropped: "rejected-context-cancelled",
    message: "the client disconnected",
  },
  SHUTTING_DOWN: {
    code: "no_ready_endpoints",
    dropped: "rejected-shutting-down",
    message: "the picker is shutting down",
  },
};

/**
 * Returns the message for the client. If no endpoint's load is known, the pool must not be called saturated: the
 * message then gives the number of requests in flight and why the latest scrape failed.
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

export const unknownMirror: Refusal = {
  code: "unknown_pool",
  message: "this twin's mirror is unknown to the picker, or has another pool",
};

export const unnamedPool: Refusal = {
  code: "unknown_pool",
  message: "the picker serves several pools, but the gateway does not name one",
};

export const tooManyBodies: Refusal = {
  code: "overloaded",
  message: "too many request bodies are being read: retry later",
};

/** Quotes at most 64 characters of the client's text. */
export function unknownModel(model: string): Refusal {
  const shown = model.length > 64 ? `${model.slice(0, 64)}…` : model;
  const code = "model_not_found";
  return { code, message: requestErrors[code].message.replace("{}", () => shown) };
}

export function tooLarge(maxBodyBytes: number): Refusal {
  const code = "request_too_large";
  return { code, message: requestErrors[code].message.replace("{}", String(maxBodyBytes)) };
}

/** Returns the refusal of a compressed body that was not decoded. */
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
        message: "too many compressed bodies are waiting to be decoded: send the body uncompressed",
      };
  }
}
