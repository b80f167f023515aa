import { Client, type ClientWritableStream, credentials, Metadata, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type AccessLogEntry,
  createExtProcServer,
  type ExtProcServer,
  responseFlag,
} from "@umbra/ext-proc";
import { readAccessLog } from "@umbra/ext-proc/internal";
import { ProtocolError } from "@umbra/grpc";
import fc from "fast-check";
import { propertyRuns } from "../../../testing/property-runs.ts";
import { until } from "../../grpc/test/until.ts";

/** Fields of a message: numbers are varints, texts and messages have a length. */
type Fields = readonly (readonly [number, number | string | Buffer])[];

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  while (left > 127) {
    bytes.push((left % 128) + 128);
    left = Math.floor(left / 128);
  }
  return Buffer.from([...bytes, left]);
}

function message(fields: Fields): Buffer {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === "number") return Buffer.concat([varint(number * 8), varint(value)]);
      const bytes = Buffer.from(value as string);
      return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
    }),
  );
}

const address = (host: string, port: number) =>
  message([
    [
      1,
      message([
        [2, host],
        [3, port],
      ]),
    ],
  ]);
const header = (name: string, value: string): readonly [number, Buffer] => [
  13,
  message([
    [1, name],
    [2, value],
  ]),
];
const entryOf = (common: Fields, request: Fields, response: Fields) =>
  message([
    [1, message(common)],
    [2, 1],
    [3, message(request)],
    [4, message(response)],
  ]);
const logOf = (...entries: readonly Buffer[]) =>
  message([
    [1, message([[2, "umbra/primary"]])],
    [2, message(entries.map((each) => [1, each] as const))],
  ]);

const whole = entryOf(
  [
    [2, address("10.1.1.1", 50_000)],
    [13, address("10.0.0.7", 8_000)],
    [15, "primary/default/pool"],
    [
      16,
      message([
        [6, 1],
        [7, 0],
        [13, message([[1, 1]])],
      ]),
    ],
    [24, 2],
  ],
  [
    [5, "/v1/chat/completions"],
    [9, "id-1"],
    header("x-gateway-destination-endpoint", "10.0.0.6:8000,10.0.0.7:8000"),
  ],
  [
    [1, message([[1, 503]])],
    [6, "via_upstream"],
  ],
);

function read(bytes: Uint8Array): readonly AccessLogEntry[] {
  const entries: AccessLogEntry[] = [];
  readAccessLog(bytes, (entry) => entries.push(entry));
  return entries;
}

describe("a message of Envoy's access log", () => {
  test("is read as far as an endpoint's health needs it", () => {
    const [entry, ...more] = read(logOf(whole));
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      upstreamAddress: "10.0.0.7:8000",
      attempts: 2,
      status: 503,
      details: "via_upstream",
      requestId: "id-1",
      flags: 1 << responseFlag.upstreamConnectionFailure,
    });
    expect(entry?.header("x-gateway-destination-endpoint")).toBe("10.0.0.6:8000,10.0.0.7:8000");
    expect(entry?.header("x-umbra-mirror")).toBeUndefined();
  });

  test("has any number of entries, empty ones too", () => {
    const entries = read(logOf(message([]), whole, message([])));
    expect(entries.map((each) => [each.status, each.upstreamAddress, each.attempts])).toEqual([
      [0, "", 0],
      [503, "10.0.0.7:8000", 2],
      [0, "", 0],
    ]);
    expect(read(logOf())).toEqual([]);
    expect(read(new Uint8Array())).toEqual([]);
  });

  test("of TCP connections has none", () => {
    expect(read(message([[3, message([[1, whole]])]]))).toEqual([]);
  });

  test.each([
    { name: "IPv6", bytes: address("fd00::1", 80), want: "[fd00::1]:80" },
    { name: "no port", bytes: message([[1, message([[2, "10.0.0.1"]])]]), want: "" },
    { name: "no host", bytes: message([[1, message([[3, 80]])]]), want: "" },
    { name: "a pipe", bytes: message([[2, message([[1, "/tmp/socket"]])]]), want: "" },
  ])("reads an upstream address: $name", ({ bytes, want }) => {
    expect(read(logOf(entryOf([[13, bytes]], [], [])))[0]?.upstreamAddress).toBe(want);
  });

  test("keeps no long text and no more than eight headers", () => {
    const many = Array.from({ length: 20 }, (_, i) => header(`h${i}`, "v"));
    const [entry] = read(logOf(entryOf([], [[9, "x".repeat(100_000)], ...many], [])));
    expect(entry?.requestId).toHaveLength(1_024);
    expect([entry?.header("h7"), entry?.header("h8")]).toEqual(["v", undefined]);
  });

  const bytes = logOf(whole, whole);
  const readOrRefused = (hostile: Uint8Array): string => {
    try {
      const entries = read(hostile);
      for (const each of entries) {
        const texts = [each.upstreamAddress, each.details, each.requestId];
        if (texts.some((text) => text.length > 1_100)) return "too long";
        if (!Number.isSafeInteger(each.status + each.attempts + each.flags)) return "no number";
      }
      return entries.length <= hostile.length ? "read" : "too many";
    } catch (cause) {
      return cause instanceof ProtocolError ? "refused" : String(cause);
    }
  };

  test("that is hostile is read or refused, and nothing else", () => {
    const bad = expect.stringMatching(/^(read|refused)$/);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (hostile) => {
        expect(readOrRefused(hostile)).toEqual(bad);
      }),
      { numRuns: propertyRuns(400, 2_000) },
    );
    const change = fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const hostile = Uint8Array.from(bytes);
        for (const [at, value] of changes) hostile[at] = value;
        expect(readOrRefused(hostile)).toEqual(bad);
      }),
      { numRuns: propertyRuns(400, 2_000) },
    );
  });

  test("of more entries than Envoy sends at once is refused", () => {
    const empty = Array.from({ length: 10_001 }, () => message([]));
    expect(() => read(logOf(...empty))).toThrow(ProtocolError);
    expect(read(logOf(...empty.slice(1)))).toHaveLength(10_000);
  });

  test("that is cut short is refused, wherever the cut is within an entry", () => {
    const outcomes = new Set<string>();
    for (let length = 1; length < bytes.length; length++) {
      outcomes.add(readOrRefused(bytes.subarray(0, length)));
    }
    expect(outcomes).toEqual(new Set(["refused", "read"]));
    expect(readOrRefused(bytes.subarray(0, bytes.length - 1))).toBe("refused");
  });
});

describe("the access log service", () => {
  const path = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs";
  const same = (each: Buffer) => each;
  let server: ExtProcServer;
  let client: Client;
  let ids: string[];
  let errors: unknown[];

  beforeEach(async () => {
    ids = [];
    errors = [];
    server = createExtProcServer({
      processor: {
        pick: () => ({ decide: () => ({ kind: "route", setHeaders: [] }) }),
        observe: () => ({}),
      },
      onError: (cause) => errors.push(cause),
      onAccessLog: ({ requestId }) => ids.push(requestId),
    });
    client = new Client(await server.listen("127.0.0.1:0"), credentials.createInsecure());
  });

  afterEach(async () => {
    client.close();
    await server.close(0);
  });

  function open() {
    let call: ClientWritableStream<Buffer> | undefined;
    const ended = new Promise<number>((resolve) => {
      call = client.makeClientStreamRequest(path, same, same, new Metadata(), {}, (error) =>
        resolve(error?.code ?? status.OK),
      );
    });
    return { call: call as ClientWritableStream<Buffer>, ended };
  }

  test("takes batch after batch on one call, and ends it with the client", async () => {
    const { call, ended } = open();
    for (let i = 0; i < 3; i++) call.write(logOf(whole, whole));
    await until(() => ids.length === 6);
    expect(new Set(ids)).toEqual(new Set(["id-1"]));
    call.end();
    expect(await ended).toBe(status.OK);
    expect(errors).toEqual([]);
  });

  test("refuses a broken batch and continues to serve", async () => {
    const broken = open();
    broken.call.write(Buffer.from([0x12, 0xff, 0x01]));
    expect(await broken.ended).toBe(status.INVALID_ARGUMENT);
    expect(errors).toEqual([expect.any(ProtocolError)]);
    const { call } = open();
    call.write(logOf(whole));
    await until(() => ids.length === 1);
    expect(ids).toEqual(["id-1"]);
    call.cancel();
  });

  test("ends its calls when the server closes, and does not hold it", async () => {
    const { call, ended } = open();
    call.write(logOf(whole));
    await until(() => ids.length === 1);
    const startedMs = performance.now();
    await server.close(5_000);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(await ended).not.toBe(status.INVALID_ARGUMENT);
  });
});
