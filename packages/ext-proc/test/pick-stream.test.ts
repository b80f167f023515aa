import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import type { Decision, PickExchange } from "@umbra/ext-proc";
import {
  type Answer,
  createHeldBudget,
  createPickStream,
  maxChunkBytes,
  type Outlet,
  ProcessingRequestSchema,
  ProcessingResponseSchema,
  type RequestMessage,
  readRequestMessage,
} from "@umbra/ext-proc/internal";
import fc from "fast-check";
import { messageBytes } from "../../grpc/test/message-bytes.ts";

const modes = {
  NONE: 0,
  STREAMED: 1,
  BUFFERED: 2,
  BUFFERED_PARTIAL: 3,
  FULL_DUPLEX_STREAMED: 4,
} as const;

const route: Decision = { kind: "route", setHeaders: [{ name: "x-to", value: "10.0.0.1:8000" }] };
const reply: Decision = {
  kind: "reply",
  status: 429,
  headers: [],
  body: "{}",
  details: "overloaded",
};

type Request = NonNullable<MessageInitShape<typeof ProcessingRequestSchema>["request"]>;

const headers: Request = {
  case: "requestHeaders",
  value: {
    headers: {
      headers: [
        { key: ":path", rawValue: Buffer.from("/v1") },
        { key: "a", value: "old" },
      ],
    },
  },
};
const noBody: Request = {
  case: "requestHeaders",
  value: { headers: { headers: [] }, endOfStream: true },
};
const body = (text: string, endOfStream = true): Request => ({
  case: "requestBody",
  value: { body: Buffer.from(text), endOfStream },
});
/** Encoded as on the wire. */
function message(init: MessageInitShape<typeof ProcessingRequestSchema>): RequestMessage {
  return readRequestMessage(
    toBinary(ProcessingRequestSchema, create(ProcessingRequestSchema, init)),
  );
}
const trailers: Request = { case: "requestTrailers", value: {} };

interface Played {
  readonly answers: readonly string[];
  readonly seen: unknown[];
}

/** Plays messages and describes each answer. */
function play(
  mode: keyof typeof modes | undefined,
  messages: readonly Request[],
  exchange: Partial<PickExchange> = {},
  maxBodyBytes = 1_000,
): Played {
  const seen: unknown[] = [];
  const stream = createPickStream(
    {
      decide(_headers, received, { bodyIsComplete }) {
        seen.push([
          received === undefined ? undefined : Buffer.from(received).toString(),
          bodyIsComplete,
        ]);
        return route;
      },
      ...exchange,
    },
    { maxBodyBytes, tooLarge: () => ({ ...reply, status: 413 }) },
    outlet,
  );
  const answers = messages.flatMap((request, index) => {
    const config =
      index === 0 && mode !== undefined ? { protocolConfig: { requestBodyMode: modes[mode] } } : {};
    return stream.receive(message({ request, ...config })).map(describeAnswer);
  });
  return { answers, seen };
}

function describeAnswer(answer: Answer): string {
  const { response } = fromBinary(ProcessingResponseSchema, messageBytes(answer));
  switch (response.case) {
    case "immediateResponse":
      return `reply ${response.value.status?.code}`;
    case "requestHeaders":
    case "requestBody": {
      const { headerMutation, bodyMutation } = response.value.response ?? {};
      const set =
        headerMutation?.setHeaders.map(
          ({ header }) => `${header?.key}=${Buffer.from(header?.rawValue ?? []).toString()}`,
        ) ?? [];
      const { mutation } = bodyMutation ?? {};
      const piece =
        mutation?.case === "streamedResponse"
          ? [
              `"${Buffer.from(mutation.value.body).toString()}"${mutation.value.endOfStream ? " end" : ""}`,
            ]
          : [];
      return [response.case, ...set, ...piece].join(" ");
    }
    default:
      return String(response.case);
  }
}

/** Nothing is pending here. */
const outlet: Outlet = {
  send() {},
  broken(cause) {
    throw cause;
  },
};

const picked = "x-to=10.0.0.1:8000";

test("a body in one piece is not copied, though Envoy ends it with an empty one", () => {
  let seen: Uint8Array | undefined;
  const stream = createPickStream(
    {
      decide(_headers, received) {
        seen = received;
        return route;
      },
    },
    { maxBodyBytes: 1_000, tooLarge: () => reply },
    outlet,
  );
  const config = { protocolConfig: { requestBodyMode: modes.FULL_DUPLEX_STREAMED } };
  stream.receive(message({ request: headers, ...config }));
  const piece = message({ request: body("the body", false) });
  stream.receive(piece);
  stream.receive(message({ request: body("", true) }));
  expect(seen).toBe(piece.body);
});

test("a pending decision is sent when it is made, and Envoy is asked to wait before that", async () => {
  let decide = (_decision: Decision): void => {};
  const sent: unknown[] = [];
  const stream = createPickStream(
    {
      decide: () => ({
        kind: "pending",
        limitMs: 2_500,
        decided: new Promise<Decision>((resolve) => {
          decide = resolve;
        }),
      }),
    },
    { maxBodyBytes: 1e6, tooLarge: () => reply },
    {
      ...outlet,
      send(answers) {
        sent.push(
          ...answers.map((answer) => fromBinary(ProcessingResponseSchema, messageBytes(answer))),
        );
      },
    },
  );
  const first = { request: headers, protocolConfig: { requestBodyMode: modes.NONE } };
  expect(stream.receive(message(first))).toEqual([]);
  expect(stream.isDecided()).toBe(false);
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent).toMatchObject([{ overrideMessageTimeout: { seconds: 2n, nanos: 500_000_000 } }]);
  decide(route);
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent).toHaveLength(2);
  expect(sent[1]).toMatchObject({ response: { case: "requestHeaders" } });
  expect(stream.isDecided()).toBe(true);
});

test("a pending decision that fails ends its stream, and nothing else", async () => {
  const causes: unknown[] = [];
  const cause = new Error("no");
  const decided = Promise.reject(cause);
  const stream = createPickStream(
    { decide: () => ({ kind: "pending", limitMs: 1_000, decided }) },
    { maxBodyBytes: 1e6, tooLarge: () => reply },
    { send() {}, broken: (each) => causes.push(each) },
  );
  const first = { request: headers, protocolConfig: { requestBodyMode: modes.NONE } };
  expect(stream.receive(message(first))).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(causes).toEqual([cause]);
});

test.each(["BUFFERED", "FULL_DUPLEX_STREAMED"] as const)(
  "a decision that is pending is asked for once, whatever else comes: %s",
  async (mode) => {
    let asked = 0;
    const decided = new Promise<Decision>((resolve) => setImmediate(() => resolve(route)));
    const sent: unknown[] = [];
    const stream = createPickStream(
      {
        decide() {
          asked++;
          return { kind: "pending", limitMs: 1_000, decided };
        },
      },
      { maxBodyBytes: 1e6, tooLarge: () => reply },
      { ...outlet, send: (answers) => sent.push(...answers) },
    );
    stream.receive(message({ request: headers, protocolConfig: { requestBodyMode: modes[mode] } }));
    for (const request of [body("a"), body("b"), trailers]) stream.receive(message({ request }));
    await decided;
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBe(1);
    expect(stream.isDecided()).toBe(true);
  },
);

test("bodies of all streams together have a limit, and give back what they took", () => {
  const budget = createHeldBudget(10, () => reply);
  const start = () => {
    const stream = createPickStream(
      { decide: () => route },
      { maxBodyBytes: 1e6, tooLarge: () => reply, budget },
      outlet,
    );
    const first = {
      request: headers,
      protocolConfig: { requestBodyMode: modes.FULL_DUPLEX_STREAMED },
    };
    stream.receive(message(first));
    return stream;
  };
  const said = (answers: readonly Answer[]) => answers.map(describeAnswer);
  const [one, two, three, four] = [start(), start(), start(), start()];
  expect(one.receive(message({ request: body("123456", false) }))).toEqual([]);
  expect(said(two.receive(message({ request: body("123456", false) })))).toEqual(["reply 429"]);
  expect(three.receive(message({ request: body("1234", false) }))).toEqual([]);
  three.release();
  expect(said(one.receive(message({ request: body("78", true) })))).toHaveLength(2);
  expect(four.receive(message({ request: body("1234567890", false) }))).toEqual([]);
});

test.each(["BUFFERED", "FULL_DUPLEX_STREAMED"] as const)(
  "headers of requests that wait for their body count too, in %s",
  (mode) => {
    const budget = createHeldBudget(150, () => reply);
    const start = (bytes: number) => {
      const stream = createPickStream(
        { decide: () => route },
        { maxBodyBytes: 1e6, tooLarge: () => reply, budget },
        outlet,
      );
      const first = { request: headers, protocolConfig: { requestBodyMode: modes[mode] } };
      return { stream, answers: stream.receive(message(first), bytes).map(describeAnswer) };
    };
    const waiting = start(100);
    expect(start(100).answers).toEqual(["reply 429"]);
    // Decided: it gives back what it has taken.
    waiting.stream.receive(message({ request: body("1") }));
    const left = start(100);
    expect(left.answers).not.toContain("reply 429");
    // Gone without a body.
    left.stream.release();
    expect(start(150).answers).not.toContain("reply 429");
  },
);

test("a body in pieces of any size is the whole again, and costs not much more", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 60 }),
      fc.boolean(),
      (sizes, isTiny) => {
        let seen: Uint8Array | undefined;
        const pieces = sizes.map((size, i) =>
          Buffer.alloc(isTiny ? size % 5 : size, 97 + (i % 26)),
        );
        const stream = createPickStream(
          {
            decide(_headers, received) {
              seen = received;
              return route;
            },
          },
          { maxBodyBytes: 1e6, tooLarge: () => reply },
          outlet,
        );
        const first = {
          request: headers,
          protocolConfig: { requestBodyMode: modes.FULL_DUPLEX_STREAMED },
        };
        stream.receive(message(first));
        for (const piece of pieces) {
          const value = { body: piece, endOfStream: false };
          stream.receive(message({ request: { case: "requestBody", value } }));
        }
        stream.receive(message({ request: body("", true) }));
        expect(Buffer.from(seen ?? []).equals(Buffer.concat(pieces))).toBe(true);
      },
    ),
  );
});

describe("a stream that waits for answers", () => {
  test.each<{
    name: string;
    mode: keyof typeof modes | undefined;
    messages: readonly Request[];
    answers: readonly string[];
    seen: unknown[];
  }>([
    {
      name: "NONE decides at the headers",
      mode: "NONE",
      messages: [headers],
      answers: [`requestHeaders ${picked}`],
      seen: [[undefined, false]],
    },
    {
      name: "a request without body is decided at the headers",
      mode: "BUFFERED",
      messages: [noBody],
      answers: [`requestHeaders ${picked}`],
      seen: [[undefined, true]],
    },
    {
      name: "BUFFERED decides at the body",
      mode: "BUFFERED",
      messages: [headers, body("all")],
      answers: ["requestHeaders", `requestBody ${picked}`],
      seen: [["all", true]],
    },
    {
      name: "BUFFERED with trailers",
      mode: "BUFFERED",
      messages: [headers, body("all", false), trailers],
      answers: ["requestHeaders", `requestBody ${picked}`, "requestTrailers"],
      seen: [["all", true]],
    },
    {
      name: "BUFFERED_PARTIAL says when the body was cut",
      mode: "BUFFERED_PARTIAL",
      messages: [headers, body("par", false)],
      answers: ["requestHeaders", `requestBody ${picked}`],
      seen: [["par", false]],
    },
    {
      name: "STREAMED decides at the headers and lets the body pass",
      mode: "STREAMED",
      messages: [headers, body("a", false), body("b")],
      answers: [`requestHeaders ${picked}`, "requestBody", "requestBody"],
      seen: [[undefined, false]],
    },
    {
      name: "FULL_DUPLEX_STREAMED holds all back to the end",
      mode: "FULL_DUPLEX_STREAMED",
      messages: [headers, body("a", false), body("b")],
      answers: [`requestHeaders ${picked}`, 'requestBody "ab" end'],
      seen: [["ab", true]],
    },
    {
      name: "FULL_DUPLEX_STREAMED ends with trailers too",
      mode: "FULL_DUPLEX_STREAMED",
      messages: [headers, body("a", false), trailers],
      answers: [`requestHeaders ${picked}`, 'requestBody "a"', "requestTrailers"],
      seen: [["a", true]],
    },
    {
      name: "FULL_DUPLEX_STREAMED with an empty body",
      mode: "FULL_DUPLEX_STREAMED",
      messages: [headers, body("")],
      answers: [`requestHeaders ${picked}`, 'requestBody "" end'],
      seen: [["", true]],
    },
    {
      name: "FULL_DUPLEX_STREAMED with the last piece sent twice",
      mode: "FULL_DUPLEX_STREAMED",
      messages: [headers, body("a", false), body("b"), body("b")],
      answers: [`requestHeaders ${picked}`, 'requestBody "ab" end'],
      seen: [["ab", true]],
    },
    {
      name: "an Envoy that does not tell its mode",
      mode: undefined,
      messages: [headers, body("all")],
      answers: ["requestHeaders", `requestBody ${picked}`],
      seen: [["all", true]],
    },
  ])("$name", ({ mode, messages, answers, seen }) => {
    expect(play(mode, messages)).toEqual({ answers, seen });
  });

  test.each(["BUFFERED", "FULL_DUPLEX_STREAMED"] as const)(
    "a reply ends the request, and nothing is answered after it: %s",
    (mode) => {
      const { answers } = play(mode, [headers, body("a"), trailers], { decide: () => reply });
      expect(answers.at(-1)).toBe("reply 429");
      expect(answers.filter((answer) => answer.startsWith("reply"))).toHaveLength(1);
    },
  );

  test("a body that ends with trailers may be refused before it is decided on, in full duplex", () => {
    const exchange = { onTrailers: () => reply };
    const messages = [headers, body("a", false), trailers];
    expect(play("FULL_DUPLEX_STREAMED", messages, exchange)).toEqual({
      answers: ["reply 429"],
      seen: [],
    });
    expect(play("BUFFERED", messages, exchange).answers.at(-1)).toBe("requestTrailers");
  });

  test("an Envoy that does not tell its mode is served as the exchange says", () => {
    const answer: Request = {
      case: "responseBody",
      value: { body: Buffer.from("yes"), endOfStream: true },
    };
    const messages = [headers, body("a", false), body("b"), answer];
    const exchange = { defaultBodyMode: "FULL_DUPLEX_STREAMED" } as const;
    expect(play(undefined, messages, exchange)).toEqual({
      answers: [`requestHeaders ${picked}`, 'requestBody "ab" end', "responseBody"],
      seen: [["ab", true]],
    });
    expect(play("BUFFERED", [headers, body("ab")], exchange).answers).toEqual([
      "requestHeaders",
      `requestBody ${picked}`,
    ]);
  });

  test.each([
    { mode: "STREAMED", asks: 2, answers: ["requestHeaders", `requestBody ${picked}`] },
    { mode: "NONE", asks: 2, answers: ["requestHeaders", `requestBody ${picked}`] },
    { mode: "BUFFERED", asks: 2, answers: ["requestHeaders", `requestBody ${picked}`] },
    { mode: "BUFFERED_PARTIAL", asks: 3, answers: ["requestHeaders", `requestBody ${picked}`] },
    {
      mode: "FULL_DUPLEX_STREAMED",
      asks: undefined,
      answers: [`requestHeaders ${picked}`, 'requestBody "ab" end'],
    },
  ] as const)(
    "$mode: where the mode may be overridden, the body is asked for whole, and no answer's",
    ({ mode, asks, answers }) => {
      const messages = [headers, body("ab")];
      expect(play(mode, messages, { mayOverrideMode: true })).toEqual({
        answers,
        seen: [["ab", true]],
      });
      const stream = createPickStream(
        { mayOverrideMode: true, decide: () => route },
        { maxBodyBytes: 1_000, tooLarge: () => reply },
        outlet,
      );
      const protocolConfig = { requestBodyMode: modes[mode] };
      const [first = new Uint8Array()] = stream.receive(
        message({ request: noBody, protocolConfig }),
      );
      const { modeOverride } = fromBinary(ProcessingResponseSchema, messageBytes(first));
      expect(modeOverride?.requestBodyMode).toBe(asks);
      if (asks === undefined) return;
      expect(modeOverride).toMatchObject({
        responseHeaderMode: 1,
        responseBodyMode: 0,
        responseTrailerMode: 1,
      });
    },
  );

  test("a decision at the headers needs no body", () => {
    const { answers, seen } = play("BUFFERED", [headers, body("a")], { onHeaders: () => route });
    expect(answers).toEqual([`requestHeaders ${picked}`, "requestBody"]);
    expect(seen).toEqual([]);
  });

  test.each(["BUFFERED", "FULL_DUPLEX_STREAMED"] as const)(
    "a body over the limit is refused as soon as it is: %s",
    (mode) => {
      const { answers } = play(mode, [headers, body("12345", false), body("6")], {}, 4);
      expect(answers.at(-1)).toBe("reply 413");
    },
  );

  test.each([
    { name: "a body before the headers", messages: [body("a")] },
    { name: "headers twice", messages: [headers, headers] },
    { name: "trailers first", messages: [trailers] },
    { name: "nothing", messages: [{ case: undefined }] },
  ] satisfies readonly { name: string; messages: readonly Request[] }[])(
    "refuses $name",
    ({ messages }) => {
      expect(() => play("BUFFERED", messages)).toThrow(
        /before the headers|duplicate request headers|no known content/,
      );
    },
  );

  test("refuses to reply with a status that HTTP has not", () => {
    expect(() => play("NONE", [headers], { decide: () => ({ ...reply, status: 99 }) })).toThrow(
      RangeError,
    );
  });

  test("raw_value wins over value, and names come in lower case", () => {
    let read: ReadonlyMap<string, string> = new Map();
    play("NONE", [headers], {
      decide(received) {
        read = received;
        return route;
      },
    });
    expect([...read]).toEqual([
      [":path", "/v1"],
      ["a", "old"],
    ]);
  });

  test("gives back every body unchanged, in pieces that Envoy takes", () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 90_000 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(pieces, (chunks) => {
        const stream = createPickStream(
          { decide: () => route },
          { maxBodyBytes: 1e6, tooLarge: () => reply },
          outlet,
        );
        const first = {
          request: headers,
          protocolConfig: { requestBodyMode: modes.FULL_DUPLEX_STREAMED },
        };
        const answers = [...stream.receive(message(first))];
        chunks.forEach((chunk, index) => {
          const request: Request = {
            case: "requestBody",
            value: { body: chunk, endOfStream: index === chunks.length - 1 },
          };
          answers.push(...stream.receive(message({ request })));
        });
        const bodies = answers.slice(1).map((bytes) => {
          const { response } = fromBinary(ProcessingResponseSchema, messageBytes(bytes));
          const mutation =
            response.case === "requestBody"
              ? response.value.response?.bodyMutation?.mutation
              : undefined;
          return mutation?.case === "streamedResponse" ? mutation.value : undefined;
        });
        expect(Buffer.concat(bodies.map((each) => each?.body ?? new Uint8Array()))).toEqual(
          Buffer.concat(chunks),
        );
        expect(bodies.every((each) => (each?.body.length ?? Number.NaN) <= maxChunkBytes)).toBe(
          true,
        );
        expect(bodies.map((each) => each?.endOfStream)).toEqual(
          bodies.map((_, index) => index === bodies.length - 1),
        );
      }),
      { numRuns: 50 },
    );
  });
});

test("an answer with metadata is encoded once", () => {
  const answerOf = (decision: Decision) => {
    const stream = createPickStream(
      { decide: () => decision },
      { maxBodyBytes: 1_000, tooLarge: () => reply },
      outlet,
    );
    return stream.receive(message({ request: noBody }))[0];
  };
  const decisionOf = (value: string, namespace = "envoy.lb"): Decision => ({
    ...route,
    dynamicMetadata: { [namespace]: { "x-to": value } },
  });
  const first = answerOf(decisionOf("10.0.0.1:8000"));
  expect(answerOf(decisionOf("10.0.0.1:8000"))).toBe(first);
  expect(answerOf(decisionOf("10.0.0.2:8000"))).not.toBe(first);
  expect(answerOf(decisionOf("10.0.0.1:8000", "my.lb"))).not.toBe(first);
  expect(answerOf(route)).not.toBe(first);
  expect(
    fromBinary(ProcessingResponseSchema, messageBytes(first ?? new Uint8Array())).dynamicMetadata,
  ).toEqual({ "envoy.lb": { "x-to": "10.0.0.1:8000" } });
});

test("a message with fields that we left out is decoded", () => {
  const known = toBinary(
    ProcessingRequestSchema,
    create(ProcessingRequestSchema, { request: headers }),
  );
  // Field 200, length-delimited, two bytes.
  const unknown = Uint8Array.of(0xc2, 0x0c, 0x02, 0x08, 0x01);
  const { request } = fromBinary(ProcessingRequestSchema, Buffer.concat([known, unknown]));
  expect(request.case).toBe("requestHeaders");
});
