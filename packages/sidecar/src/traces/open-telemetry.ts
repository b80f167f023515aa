import type {
  Attributes,
  Context,
  ProxyTracerProvider,
  TextMapGetter,
  TextMapSetter,
} from "@opentelemetry/api";
import type { HeaderEntry } from "@umbra/envoy-config";
import type { Headers, StreamOutcome } from "@umbra/ext-proc";
import type { Leg } from "@umbra/shadow";
import { requestErrors } from "../decision/refusals.ts";
import { isRefusal, type MadeDecision } from "../decision/request-account.ts";
import type { BeginTrace, TraceNames } from "./request-trace.ts";

type Api = typeof import("@opentelemetry/api");

export interface Tracing {
  readonly begin: BeginTrace;
  /** False if no SDK is loaded: then no traces are recorded. */
  readonly hasSdk: boolean;
}

/**
 * Traces requests with the loaded OpenTelemetry SDK, following its semantic conventions for GenAI.
 *
 * @throws Error if `@opentelemetry/api`, an optional peer dependency, is not installed
 */
export async function loadTracing(version: string): Promise<Tracing> {
  let api: Api;
  try {
    api = await import("@opentelemetry/api");
  } catch (cause) {
    throw new Error(
      "traces need the package @opentelemetry/api: install it next to Umbra, and load an OpenTelemetry SDK with NODE_OPTIONS=--import=FILE (docs/traces.md)",
      { cause },
    );
  }
  const provider = api.trace.getTracerProvider() as Partial<ProxyTracerProvider>;
  const noop = new api.ProxyTracerProvider().getDelegate().constructor;
  return {
    begin: beginner(api, version),
    hasSdk: provider.getDelegate?.().constructor !== noop,
  };
}

const none: readonly HeaderEntry[] = [];
const getter: TextMapGetter<Headers> = {
  get: (headers, name) => headers.get(name),
  keys: () => [],
};
const setter: TextMapSetter<Map<string, string>> = {
  set: (headers, name, value) => void headers.set(name, value),
};

function beginner(api: Api, version: string): BeginTrace {
  const { propagation, trace, ROOT_CONTEXT, SpanKind, SpanStatusCode } = api;
  const tracer = trace.getTracer("umbra", version);
  return (lane, headers, path, startedMs) => {
    const parent = propagation.extract(ROOT_CONTEXT, headers, getter);
    const attributes = { "umbra.lane": lane, "gen_ai.operation.name": operations.get(path) };
    const startTime = epochMs(startedMs);
    const span = tracer.startSpan(
      "gateway.request",
      { kind: SpanKind.SERVER, startTime, attributes },
      parent,
    );
    if (!span.isRecording()) return undefined;
    const context = trace.setSpan(parent, span);
    // The headers are a view of the connection's buffer and must not be kept.
    const came = propagation.fields().filter((name) => headers.has(name));

    return {
      decided(made, names, atMs) {
        span.setAttributes(decisionAttributes(made, names));
        const { outcome, reason, tookMs } = made;
        const pick = tracer.startSpan(
          "pick",
          {
            startTime: epochMs(atMs - tookMs),
            attributes: {
              "umbra.pool": names.pool,
              "umbra.outcome": outcome,
              "umbra.reason": reason,
            },
          },
          context,
        );
        pick.end(epochMs(atMs));
        if (outcome === "picked") return contextHeaders(api, context, came);
        const isOurs = isRefusal(outcome) && requestErrors[outcome].status >= 500;
        if (isOurs) span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
        return none;
      },
      answered(leg) {
        span.setAttributes(answerAttributes(leg));
        if (leg.class !== "ok" && (leg.status >= 500 || leg.status === 0)) {
          span.setStatus({ code: SpanStatusCode.ERROR, message: leg.class });
        }
      },
      ended(outcome: StreamOutcome, atMs: number) {
        span.setAttribute("umbra.stream.outcome", outcome);
        span.end(epochMs(atMs));
      },
    };
  };
}

/** Returns the trace headers for the endpoint, which replace the client's. */
function contextHeaders(
  { propagation }: Api,
  context: Context,
  came: readonly string[],
): readonly HeaderEntry[] {
  const entries = new Map<string, string>();
  propagation.inject(context, entries, setter);
  // Baggage is forwarded unchanged.
  entries.delete("baggage");
  // The state of an unreadable trace must not be forwarded with another trace.
  for (const name of came) if (name !== "baggage" && !entries.has(name)) entries.set(name, "");
  return [...entries].map(([name, value]) => ({ name, value }));
}

/** Undefined attributes are omitted. */
function decisionAttributes(made: MadeDecision, { pool, model, target }: TraceNames): Attributes {
  const { outcome, endpoint } = made;
  const colon = endpoint?.lastIndexOf(":") ?? -1;
  return {
    "umbra.pool": pool,
    "umbra.outcome": outcome,
    "gen_ai.request.model": model === "" ? undefined : model,
    "umbra.target_model": target === model ? undefined : target,
    "umbra.queue.wait_ms": made.waitedMs,
    "http.request.body.size": made.bodyBytes,
    "umbra.stream": made.isStream,
    ...(endpoint === undefined
      ? {
          "error.type": isRefusal(outcome) ? outcome : undefined,
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

/** OpenAI's finish reasons; a model server may write anything. */
const finishReasons: ReadonlySet<string> = new Set([
  ...["stop", "length", "tool_calls", "content_filter", "function_call", "end_turn", "max_tokens"],
]);

function answerAttributes(leg: Leg): Attributes {
  const { finishReason: reason, class: kind } = leg;
  return {
    "http.response.status_code": leg.status,
    "umbra.answer.class": kind,
    "error.type": kind === "ok" ? undefined : kind,
    "gen_ai.usage.input_tokens": leg.promptTokens,
    "gen_ai.usage.output_tokens": leg.outTokens,
    "gen_ai.usage.cache_read.input_tokens": leg.cachedTokens,
    "umbra.ttft_ms": leg.ttftMs,
    "gen_ai.response.finish_reasons":
      reason === undefined ? undefined : [finishReasons.has(reason) ? reason : "other"],
  };
}

/** Operation names from the conventions, where they exist. */
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
