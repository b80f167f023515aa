import type {
  Attributes,
  Context,
  ProxyTracerProvider,
  Span,
  SpanContext,
  Tracer,
} from "@opentelemetry/api";
import type { HeaderEntry } from "@umbra/envoy-config";
import type { Headers, StreamOutcome } from "@umbra/ext-proc";
import type { Leg } from "@umbra/shadow";
import { requestErrors } from "../decision/refusals.ts";
import { isRefusal, type Lane, type MadeDecision } from "../decision/request-account.ts";
import type { BeginTrace, RequestTrace, TraceNames } from "./request-trace.ts";
import { readTraceContext, traceparentOf } from "./trace-context.ts";

type Api = typeof import("@opentelemetry/api");

export interface Tracing {
  readonly begin: BeginTrace;
  /** False where no SDK is loaded: nothing is kept then. */
  readonly hasSdk: boolean;
}

/**
 * Traces requests with the OpenTelemetry SDK that the process was started with, by its semantic conventions for GenAI.
 *
 * @throws Error where `@opentelemetry/api` is not installed: it is an optional peer dependency
 */
export async function loadTracing(version: string): Promise<Tracing> {
  let api: Api;
  try {
    api = await import("@opentelemetry/api");
  } catch (cause) {
    throw new Error(
      "traces need the package @opentelemetry/api: install it beside Umbra, and load an OpenTelemetry SDK with NODE_OPTIONS=--import=FILE (docs/traces.md)",
      { cause },
    );
  }
  const provider = api.trace.getTracerProvider() as Partial<ProxyTracerProvider>;
  const noop = new api.ProxyTracerProvider().getDelegate().constructor;
  const tracer = api.trace.getTracer("umbra", version);
  return {
    begin: (lane, headers, path, startedMs) => begin(api, tracer, lane, headers, path, startedMs),
    hasSdk: provider.getDelegate?.().constructor !== noop,
  };
}

function begin(
  api: Api,
  tracer: Tracer,
  lane: Lane,
  headers: Headers,
  path: string,
  startedMs: number,
): RequestTrace | undefined {
  const traceparent = headers.get("traceparent");
  const parent = readTraceContext(traceparent, headers.get("tracestate"));
  let context = api.ROOT_CONTEXT;
  if (parent !== undefined) {
    const { traceId, spanId, flags, state } = parent;
    context = api.trace.setSpanContext(context, {
      ...{ traceId, spanId, traceFlags: flags & 1, isRemote: true },
      ...(state === undefined ? {} : { traceState: api.createTraceState(state) }),
    });
  }
  const operation = operations.get(path);
  const span = tracer.startSpan(
    "gateway.request",
    {
      kind: api.SpanKind.SERVER,
      startTime: epochMs(startedMs),
      attributes: {
        "umbra.lane": lane,
        ...(operation === undefined ? {} : { "gen_ai.operation.name": operation }),
      },
    },
    context,
  );
  if (!span.isRecording()) return undefined;
  const isOrphan = parent === undefined && headers.has("tracestate");
  return requestTrace(api, tracer, span, api.trace.setSpan(context, span), isOrphan);
}

function requestTrace(
  api: Api,
  tracer: Tracer,
  span: Span,
  context: Context,
  isOrphan: boolean,
): RequestTrace {
  return {
    decided(made, names, atMs) {
      span.setAttributes(decisionAttributes(made, names));
      const pick = tracer.startSpan(
        "pick",
        {
          startTime: epochMs(atMs - made.tookMs),
          attributes: {
            "umbra.pool": names.pool,
            "umbra.outcome": made.outcome,
            ...(made.reason === undefined ? {} : { "umbra.reason": made.reason }),
          },
        },
        context,
      );
      pick.end(epochMs(atMs));
      if (made.outcome === "picked") return contextHeaders(span.spanContext(), isOrphan);
      const isOurs = isRefusal(made.outcome) && requestErrors[made.outcome].status >= 500;
      if (isOurs) span.setStatus({ code: api.SpanStatusCode.ERROR, message: made.outcome });
      return none;
    },
    answered(leg) {
      span.setAttributes(answerAttributes(leg));
      if (leg.class !== "ok") {
        span.setAttribute("error.type", leg.class);
        if (leg.status >= 500 || leg.status === 0) {
          span.setStatus({ code: api.SpanStatusCode.ERROR, message: leg.class });
        }
      }
    },
    ended(outcome: StreamOutcome, atMs: number) {
      span.setAttribute("umbra.stream.outcome", outcome);
      span.end(epochMs(atMs));
    },
  };
}

const none: readonly HeaderEntry[] = [];

function contextHeaders(
  { traceId, spanId, traceFlags, traceState }: SpanContext,
  isOrphan: boolean,
): readonly HeaderEntry[] {
  const value = traceparentOf({ traceId, spanId, flags: traceFlags });
  // The state of a trace that could not be read must not go on under another.
  const state = traceState?.serialize() ?? (isOrphan ? "" : undefined);
  return [
    { name: "traceparent", value },
    ...(state === undefined ? [] : [{ name: "tracestate", value: state }]),
  ];
}

function decisionAttributes(made: MadeDecision, { pool, model, target }: TraceNames): Attributes {
  const { outcome, endpoint, waitedMs, bodyBytes, isStream } = made;
  const colon = endpoint?.lastIndexOf(":") ?? -1;
  return {
    "umbra.pool": pool,
    "umbra.outcome": outcome,
    ...(model === "" ? {} : { "gen_ai.request.model": model }),
    ...(target === model ? {} : { "umbra.target_model": target }),
    ...(waitedMs === undefined ? {} : { "umbra.queue.wait_ms": waitedMs }),
    ...(bodyBytes === undefined ? {} : { "http.request.body.size": bodyBytes }),
    ...(isStream === undefined ? {} : { "umbra.stream": isStream }),
    ...(endpoint === undefined
      ? {
          ...(isRefusal(outcome) ? { "error.type": outcome } : {}),
          "http.response.status_code": statusOf(outcome),
        }
      : {
          "server.address": endpoint.slice(0, colon),
          "server.port": Number(endpoint.slice(colon + 1)),
        }),
  };
}

function statusOf(outcome: MadeDecision["outcome"]): number {
  if (outcome === "model_list") return 200;
  return isRefusal(outcome) ? requestErrors[outcome].status : 0;
}

/** Finish reasons that OpenAI names; a model server may write what it likes. */
const finishReasons: ReadonlySet<string> = new Set([
  ...["stop", "length", "tool_calls", "content_filter", "function_call", "end_turn", "max_tokens"],
]);

function answerAttributes(leg: Leg): Attributes {
  const reason = leg.finishReason;
  return {
    "http.response.status_code": leg.status,
    "umbra.answer.class": leg.class,
    ...(leg.promptTokens === undefined ? {} : { "gen_ai.usage.input_tokens": leg.promptTokens }),
    ...(leg.outTokens === undefined ? {} : { "gen_ai.usage.output_tokens": leg.outTokens }),
    ...(leg.cachedTokens === undefined
      ? {}
      : { "gen_ai.usage.cache_read.input_tokens": leg.cachedTokens }),
    ...(leg.ttftMs === undefined ? {} : { "umbra.ttft_ms": leg.ttftMs }),
    ...(reason === undefined
      ? {}
      : { "gen_ai.response.finish_reasons": [finishReasons.has(reason) ? reason : "other"] }),
  };
}

/** By the conventions' own names, where they have one. */
const operations: ReadonlyMap<string, string> = new Map([
  ["/v1/chat/completions", "chat"],
  ["/v1/responses", "chat"],
  ["/v1/messages", "chat"],
  ["/v1/completions", "text_completion"],
  ["/v1/embeddings", "embeddings"],
]);

function epochMs(monotonicMs: number): number {
  return performance.timeOrigin + monotonicMs;
}
