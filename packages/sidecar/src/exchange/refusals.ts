import type { Decoded } from "@umbra/openai/decode";
import type { KnownLoad, SchedulingErrorCode } from "@umbra/scheduler";
import type { FlowErrorCode } from "@umbra/scheduler/flow";
import type { DroppedReason, RequestErrorCode } from "../error-reply.ts";

/** What a client is told whose request is not served. */
export interface Refusal {
  readonly code: RequestErrorCode;
  readonly dropped?: DroppedReason;
  readonly message: string;
  /** The end of the message while no endpoint's load is known, so that nobody can say that the pool is full. */
  readonly unknownLoad?: string;
}

/** By what the scheduler says. */
export const refusals: Readonly<Record<SchedulingErrorCode, Refusal>> = {
  POOL_EMPTY: {
    code: "no_ready_endpoints",
    dropped: "rejected-no-endpoints",
    message: "the pool has no endpoint that can be used",
  },
  NO_ELIGIBLE_ENDPOINT: {
    code: "no_ready_endpoints",
    dropped: "rejected-no-endpoints",
    message: "the pool has no endpoint that may serve this request",
  },
  POOL_SATURATED: {
    code: "overloaded",
    dropped: "rejected-saturated",
    message: "every endpoint of the pool is full",
    unknownLoad: "the pool takes no more",
  },
  SHED: {
    code: "overloaded",
    dropped: "rejected-saturated",
    message: "the pool is full, and this request's priority is too low to wait for it",
    unknownLoad: "this request's priority is too low to wait for one to end",
  },
};

/** By what the queue says. */
export const queueRefusals: Readonly<
  Record<FlowErrorCode, Refusal & Required<Pick<Refusal, "dropped">>>
> = {
  QUEUE_FULL: {
    code: "overloaded",
    dropped: "rejected-saturated",
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
    dropped: "rejected-no-endpoints",
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
export function refusalMessage({ message, unknownLoad }: Refusal, load: KnownLoad): string {
  if (unknownLoad === undefined || load.endpoints === 0 || load.knownEndpoints > 0) return message;
  const { inFlight, lastFailureKind } = load;
  const why = lastFailureKind === undefined ? "" : ` (${lastFailureKind})`;
  const requests = inFlight === 1 ? "1 request is" : `${inFlight} requests are`;
  return `no endpoint's load metrics could be read${why}; ${requests} in flight, and ${unknownLoad}`;
}

export const unknownCoding: Refusal = {
  code: "unsupported_content_encoding",
  message: "request bodies may come as they are, or compressed by gzip, deflate, br or zstd alone",
};

export const unnamedPool: Refusal = {
  code: "unknown_pool",
  dropped: "rejected-no-endpoints",
  message: "the picker serves several pools, and the gateway names none",
};

export const unknownPool: Refusal = {
  code: "unknown_pool",
  dropped: "rejected-no-endpoints",
  message: "the picker does not know this route's pool yet",
};

/** Names at most 64 characters of the client's text. */
export function unknownModel(model: string): Refusal {
  const shown = model.length > 64 ? `${model.slice(0, 64)}…` : model;
  return { code: "model_not_found", message: `the model \`${shown}\` does not exist` };
}

export const tooManyBodies: Refusal = {
  code: "overloaded",
  dropped: "rejected-saturated",
  message: "the picker is reading too many request bodies: send the request again later",
};

export const unsupportedTrailers: Refusal = {
  code: "unsupported_trailers",
  message:
    "the request body must not end with trailers on this route: send it without, or have the pool picked `buffered`",
};

/** Why a compressed body was not decoded. */
export function undecoded(
  reason: Extract<Decoded, { ok: false }>["reason"],
  maxBodyBytes: number,
): Refusal {
  switch (reason) {
    case "too large":
      return tooLarge(maxBodyBytes);
    case "broken":
      return {
        code: "invalid_content_encoding",
        message: "the request body is not compressed as its content-encoding says",
      };
    case "busy":
      return {
        code: "overloaded",
        dropped: "rejected-saturated",
        message: "too many compressed bodies are waiting to be read: send the body as it is",
      };
  }
}

export function tooLarge(maxBodyBytes: number): Refusal {
  const message = `the request body is larger than this gateway accepts (${maxBodyBytes} bytes)`;
  return { code: "request_too_large", message };
}
