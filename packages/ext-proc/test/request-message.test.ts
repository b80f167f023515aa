import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { underscoredNames } from "@umbra/ext-proc";
import {
  createPickStream,
  ProcessingRequestSchema,
  ProcessingResponseSchema,
  readRequestMessage,
} from "@umbra/ext-proc/internal";
import { ProtocolError } from "@umbra/grpc";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { messageBytes } from "../../grpc/test/message-bytes.ts";
import { readByGenerated, readByHand } from "./both-codecs.ts";

type Init = MessageInitShape<typeof ProcessingRequestSchema>;

const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => new Uint8Array(array));
const headerValue = fc.record(
  { key: fc.string({ unit: "grapheme", maxLength: 12 }), value: fc.string(), rawValue: bytes },
  { requiredKeys: ["key"] },
);
const headerMap = fc.record({ headers: fc.array(headerValue, { maxLength: 8 }) });
const httpHeaders = fc.record(
  { headers: headerMap, endOfStream: fc.boolean() },
  { requiredKeys: [] },
);
const httpBody = fc.record({ body: bytes, endOfStream: fc.boolean() }, { requiredKeys: [] });
const request = fc.oneof(
  httpHeaders.map((value) => ({ case: "requestHeaders" as const, value })),
  httpHeaders.map((value) => ({ case: "responseHeaders" as const, value })),
  httpBody.map((value) => ({ case: "requestBody" as const, value })),
  httpBody.map((value) => ({ case: "responseBody" as const, value })),
  fc.record({ trailers: headerMap }).map((value) => ({ case: "requestTrailers" as const, value })),
  fc.record({ trailers: headerMap }).map((value) => ({ case: "responseTrailers" as const, value })),
);
const struct = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.boolean(), fc.double()));
const messages: fc.Arbitrary<Init> = fc.record(
  {
    request,
    observabilityMode: fc.boolean(),
    protocolConfig: fc.record({
      requestBodyMode: fc.integer({ min: 0, max: 5 }),
      responseBodyMode: fc.integer({ min: 0, max: 5 }),
    }),
    metadataContext: fc.record({ filterMetadata: fc.dictionary(fc.string(), struct) }),
    attributes: fc.dictionary(fc.string(), struct),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Init>;

describe("messages read by hand", () => {
  test("say what the generated code says", () => {
    fc.assert(
      fc.property(messages, (init) => {
        const encoded = toBinary(ProcessingRequestSchema, create(ProcessingRequestSchema, init));
        expect(readByHand(encoded)).toEqual(readByGenerated(encoded));
      }),
      { numRuns: propertyRuns(400, 2_000) },
    );
  });

  test("say it with fields around them that are not known here", () => {
    const unknown = fc.tuple(fc.integer({ min: 20, max: 5_000 }), bytes).map(([number, value]) => {
      const tag = (number << 3) | 2;
      return Buffer.from([
        (tag & 127) | 128,
        ((tag >> 7) & 127) | 128,
        tag >> 14,
        value.length,
        ...value,
      ]);
    });
    fc.assert(
      fc.property(messages, unknown, unknown, (init, before, after) => {
        const encoded = toBinary(ProcessingRequestSchema, create(ProcessingRequestSchema, init));
        expect(readByHand(Buffer.concat([before, encoded, after]))).toEqual(
          readByGenerated(encoded),
        );
      }),
      { numRuns: propertyRuns(200, 500) },
    );
  });

  test("each header alone, and all of them", () => {
    const init = {
      request: {
        case: "requestHeaders" as const,
        value: {
          headers: {
            headers: [
              { key: "a", rawValue: Buffer.from("raw"), value: "old" },
              { key: "ä", value: "umlaut" },
              { key: "a", value: "again" },
              { key: "empty" },
            ],
          },
        },
      },
    };
    const { headers } = readRequestMessage(
      toBinary(ProcessingRequestSchema, create(ProcessingRequestSchema, init)),
    );
    expect([
      headers.get("a"),
      headers.get("empty"),
      headers.get("b"),
      headers.has("a"),
      headers.has("b"),
    ]).toEqual(["raw", "", undefined, true, false]);
    const all = [
      ["a", "raw"],
      ["ä", "umlaut"],
      ["empty", ""],
    ];
    expect(headers.size).toBe(3);
    expect([...headers]).toEqual(all);
    expect([...headers.entries()]).toEqual(all);
    expect([...headers.keys()]).toEqual(all.map(([name]) => name));
    expect([...headers.values()]).toEqual(all.map(([, value]) => value));
    const seen: unknown[] = [];
    headers.forEach((value, name) => {
      seen.push([name, value]);
    });
    expect(seen).toEqual(all);
  });

  test("headers with names of any length, by their names alone", () => {
    const lengths = [1, 2, 31, 32, 33, 64, 127, 128, 129, 200, 254, 255, 256, 300, 1_000];
    const names = lengths.map((length) => "n".repeat(length));
    const part = {
      case: "requestHeaders" as const,
      value: {
        headers: { headers: names.map((key) => ({ key, rawValue: Buffer.from(`${key.length}`) })) },
      },
    };
    const { headers } = readRequestMessage(
      toBinary(ProcessingRequestSchema, create(ProcessingRequestSchema, { request: part })),
    );
    for (const name of names) {
      expect(headers.get(name)).toBe(`${name.length}`);
      expect(headers.get(`${name.slice(1)}x`)).toBeUndefined();
    }
    expect(headers.get("n".repeat(257))).toBeUndefined();
    expect([...headers.keys()]).toEqual(names);
  });

  test("names with an underscore, whatever their length", () => {
    const names = ["a_", "_", "x-a", "session_id", `${"n".repeat(254)}_`, `${"n".repeat(400)}_`];
    const headers = ["n".repeat(400), ...names].map((key) => ({ key, rawValue: Buffer.from("1") }));
    const message = readRequestMessage(
      toBinary(
        ProcessingRequestSchema,
        create(ProcessingRequestSchema, {
          request: { case: "requestHeaders", value: { headers: { headers } } },
        }),
      ),
    );
    const want = names.filter((name) => name !== "x-a");
    expect(underscoredNames(message.headers)).toEqual(want);
    expect(underscoredNames(new Map(names.map((name) => [name, "1"])))).toEqual(want);
  });

  test("headers whose lengths take more bytes than they need, and those without a name", () => {
    const header = [0x0a, 0x82, 0x00, 0x61, 0x62, 0x1a, 0x81, 0x80, 0x00, 0x78];
    const list = [0x0a, header.length, ...header, 0x0a, 3, 0x1a, 1, 0x79];
    const part = [0x0a, list.length, ...list];
    const { headers } = readRequestMessage(Uint8Array.from([0x12, part.length, ...part]));
    expect([...headers]).toEqual([
      ["ab", "x"],
      ["", "y"],
    ]);
    expect([headers.get("ab"), headers.get("")]).toEqual(["x", "y"]);
  });

  test("any bytes are read or refused with a ProtocolError, and never read past their end", () => {
    const mutated = fc
      .tuple(
        messages,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
        fc.nat(),
      )
      .map(([init, changes, cut]) => {
        const encoded = Buffer.from(
          toBinary(ProcessingRequestSchema, create(ProcessingRequestSchema, init)),
        );
        for (const [at, value] of changes)
          if (encoded.length > 0) encoded[at % encoded.length] = value;
        return encoded.subarray(0, encoded.length - (cut % (encoded.length + 1)));
      });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 100 })), (encoded) => {
        try {
          readByHand(encoded);
        } catch (cause) {
          expect(cause).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: propertyRuns(500, 3_000) },
    );
  });
});

test("pieces of a body are encoded as the generated code would", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 200_000 }), fc.boolean(), (length, isResponse) => {
      const part = isResponse ? "responseBody" : "requestBody";
      const stream = createPickStream(
        { decide: () => ({ kind: "route", setHeaders: [] }) },
        { maxBodyBytes: 1e6, tooLarge: () => ({ kind: "route", setHeaders: [] }) },
        { send() {}, broken() {} },
      );
      const send = (init: Init) =>
        stream.receive(
          readRequestMessage(
            toBinary(ProcessingRequestSchema, create(ProcessingRequestSchema, init)),
          ),
        );
      const protocolConfig: Init["protocolConfig"] = { requestBodyMode: 4, responseBodyMode: 4 };
      send({
        request: {
          case: "requestHeaders",
          value: { headers: { headers: [] }, endOfStream: isResponse },
        },
        protocolConfig,
      });
      const answers = send({
        request: { case: part, value: { body: new Uint8Array(length), endOfStream: true } },
      });
      const pieces = answers.flatMap((answer) => {
        const encoded = messageBytes(answer);
        const { response } = fromBinary(ProcessingResponseSchema, encoded);
        if (response.case !== part) return [];
        // The generated code leaves out a field that is empty.
        const again = toBinary(
          ProcessingResponseSchema,
          fromBinary(ProcessingResponseSchema, encoded),
        );
        expect(again.length).toBe(encoded.length - (length === 0 ? 2 : 0));
        const mutation = response.value.response?.bodyMutation?.mutation;
        return mutation?.case === "streamedResponse" ? [mutation.value] : [];
      });
      expect(pieces.reduce((sum, { body }) => sum + body.length, 0)).toBe(length);
      expect(pieces.map(({ endOfStream }) => endOfStream)).toEqual(
        pieces.map((_, i) => i === pieces.length - 1),
      );
    }),
    { numRuns: 60 },
  );
});
