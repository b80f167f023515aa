import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { HeadedMessage } from "@umbra/grpc";
import { type ChunkPhase, writeChunkHead } from "./codec/chunk-head.ts";
import type { MessagePart } from "./codec/request-message.ts";
import type { Decision, HeaderEntry, JsonObject } from "./exchange.ts";
import { HeaderValueOption_HeaderAppendAction } from "./gen/envoy/config/core/v3/base_pb.ts";
import { ProcessingResponseSchema } from "./gen/envoy/service/ext_proc/v3/external_processor_pb.ts";
import type { ModeOverride } from "./mode-override.ts";
import { StandingRoute } from "./standing-route.ts";

/**
 * An encoded ProcessingResponse: complete, or a piece of a body whose head is written separately and which is copied
 * late or never.
 */
export type Answer = Uint8Array | BodyAnswer;

/** A piece of a body as an answer. Its head is written directly to the output buffer, without an allocation. */
export class BodyAnswer implements HeadedMessage {
  readonly body: Uint8Array;
  readonly #phase: ChunkPhase;
  readonly #endOfStream: boolean;

  constructor(phase: ChunkPhase, body: Uint8Array, endOfStream: boolean) {
    this.body = body;
    this.#phase = phase;
    this.#endOfStream = endOfStream;
  }

  writeHead(into: Uint8Array, end: number): number {
    return writeChunkHead(into, end, this.#phase, this.body.length, this.#endOfStream);
  }
}

/** Largest piece of a body: Envoy's window is 64 KiB, and the rest is room for framing. */
export const maxChunkBytes = 62_000;

type Response = NonNullable<MessageInitShape<typeof ProcessingResponseSchema>["response"]>;

function encode(
  response: Response,
  dynamicMetadata?: JsonObject,
  modeOverride?: ModeOverride,
): Uint8Array {
  const message = create(ProcessingResponseSchema, {
    response,
    ...(modeOverride === undefined ? {} : { modeOverride }),
    ...(dynamicMetadata === undefined ? {} : { dynamicMetadata: mutable(dynamicMetadata) }),
  });
  return toBinary(ProcessingResponseSchema, message);
}

/** protobuf-es types a Struct's JSON as mutable. */
function mutable(json: JsonObject) {
  return json as MessageInitShape<typeof ProcessingResponseSchema>["dynamicMetadata"] & object;
}

/** Asks Envoy to wait longer for the answer to the current message. */
export function waitLonger(forMs: number): Answer {
  const seconds = Math.floor(forMs / 1_000);
  return toBinary(
    ProcessingResponseSchema,
    create(ProcessingResponseSchema, {
      overrideMessageTimeout: {
        seconds: BigInt(seconds),
        nanos: Math.floor((forMs - seconds * 1_000) * 1e6),
      },
    }),
  );
}

/** Encoded "continue unchanged" answer for each phase. */
const goOnAnswers: Readonly<Record<MessagePart, Answer>> = {
  requestHeaders: encode({ case: "requestHeaders", value: { response: {} } }),
  requestBody: encode({ case: "requestBody", value: { response: {} } }),
  requestTrailers: encode({ case: "requestTrailers", value: {} }),
  responseHeaders: encode({ case: "responseHeaders", value: { response: {} } }),
  responseBody: encode({ case: "responseBody", value: { response: {} } }),
  responseTrailers: encode({ case: "responseTrailers", value: {} }),
};

export function goOn(phase: MessagePart): Answer {
  return goOnAnswers[phase];
}

/** One answer per mode override. */
const goOnOverrides = new Map<ModeOverride, Answer>();

/** Continues unchanged after the request's headers, and sets the mode for the rest. */
export function goOnWith(modeOverride: ModeOverride): Answer {
  let answer = goOnOverrides.get(modeOverride);
  if (answer === undefined) {
    answer = encode({ case: "requestHeaders", value: { response: {} } }, undefined, modeOverride);
    goOnOverrides.set(modeOverride, answer);
  }
  return answer;
}

type Route = Extract<Decision, { kind: "route" }>;
type Reply = Extract<Decision, { kind: "reply" }>;

type RequestPhase = "requestHeaders" | "requestBody";

/** Cache of encoded answers that set headers and text metadata. Endpoints and mirrors are few, so these are few too. */
const headerAnswers = new Map<string, Answer>();
const maxHeaderAnswers = 8_192;

/** Encodes the decision as the answer to the message of `phase`. In the body phase it includes a replaced body. */
export function routeAnswer(
  phase: RequestPhase,
  route: Route,
  modeOverride?: ModeOverride,
): Answer {
  if (route instanceof StandingRoute && modeOverride === undefined) {
    route[phase] ??= encodeRoute(phase, route);
    return route[phase];
  }
  const key = modeOverride === undefined ? answerKey(phase, route) : undefined;
  if (key === undefined) return encodeRoute(phase, route, modeOverride);
  let answer = headerAnswers.get(key);
  if (answer === undefined) {
    answer = encodeRoute(phase, route);
    if (headerAnswers.size >= maxHeaderAnswers) headerAnswers.clear();
    headerAnswers.set(key, answer);
  }
  return answer;
}

/** Cache key of the answer; undefined if it is too large to cache. */
function answerKey(phase: RequestPhase, route: Route): string | undefined {
  const { setHeaders, dynamicMetadata } = route;
  const isPlain =
    route.body === undefined &&
    route.removeHeaders === undefined &&
    route.clearRouteCache === undefined;
  if (!isPlain) return undefined;
  let key: string = phase;
  for (const { name, value } of setHeaders) key += `\n${name} ${value}`;
  if (dynamicMetadata === undefined) return key;
  for (const namespace in dynamicMetadata) {
    key += `\n\n${namespace}`;
    const fields = dynamicMetadata[namespace];
    for (const name in fields) {
      const value = fields[name];
      if (typeof value !== "string") return undefined;
      key += `\n\n\n${name} ${value}`;
    }
  }
  return key;
}

function encodeRoute(phase: RequestPhase, route: Route, modeOverride?: ModeOverride): Uint8Array {
  const response = {
    headerMutation: {
      setHeaders: route.setHeaders.map(overwrite),
      removeHeaders: [...(route.removeHeaders ?? [])],
    },
    clearRouteCache: route.clearRouteCache ?? false,
    ...(phase === "requestBody" && route.body !== undefined
      ? { bodyMutation: { mutation: { case: "body" as const, value: route.body } } }
      : {}),
  };
  return encode({ case: phase, value: { response } }, route.dynamicMetadata, modeOverride);
}

/** Encodes an immediate answer to the client. */
export function replyAnswer({ status, headers, body, details }: Reply): Answer {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(`${status} is not a valid status of an answer (200 to 599)`);
  }
  return encode({
    case: "immediateResponse",
    value: {
      status: { code: status },
      headers: { setHeaders: headers.map(overwrite) },
      body: Buffer.from(body),
      details,
    },
  });
}

/** Splits a body into pieces that Envoy accepts; an empty body is one empty piece. */
export function bodyAnswers(
  phase: ChunkPhase,
  body: Uint8Array,
  endOfStream: boolean,
): readonly Answer[] {
  const answers: Answer[] = [];
  addBodyAnswers(answers, phase, body, endOfStream);
  return answers;
}

/** Like `bodyAnswers`, appended to other answers. */
export function addBodyAnswers(
  answers: Answer[],
  phase: ChunkPhase,
  body: Uint8Array,
  endOfStream: boolean,
): void {
  if (body.length <= maxChunkBytes) {
    answers.push(new BodyAnswer(phase, body, endOfStream));
    return;
  }
  for (let start = 0; start < body.length; start += maxChunkBytes) {
    const end = Math.min(start + maxChunkBytes, body.length);
    const isEnd = endOfStream && end === body.length;
    answers.push(new BodyAnswer(phase, body.subarray(start, end), isEnd));
  }
}

/** Uses only `raw_value`, never the old `append`, with which Envoy would keep the client's value first. */
function overwrite({ name, value }: HeaderEntry) {
  return {
    header: { key: name, rawValue: Buffer.from(value) },
    appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
  };
}
