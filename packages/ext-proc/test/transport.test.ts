import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  createExtProcServer,
  type ExtProcServer,
  type ExtProcServerOptions,
  ProcessingRequestSchema,
  ProcessingResponseSchema,
  type StreamOutcome,
  transportNames,
} from "@umbra/ext-proc";

// What both transports promise, and how they meet peers that mean harm. Each test sees to it that the server is alive behind it.

const path = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
const request = (init: Parameters<typeof create<typeof ProcessingRequestSchema>>[1]) =>
  Buffer.from(toBinary(ProcessingRequestSchema, create(ProcessingRequestSchema, init)));
const headers = request({
  request: { case: "requestHeaders", value: { headers: { headers: [] }, endOfStream: true } },
});
const duplexHeaders = request({
  request: { case: "requestHeaders", value: { headers: { headers: [] } } },
  protocolConfig: { requestBodyMode: 4 },
});
const body = (bytes: Uint8Array, endOfStream: boolean) =>
  request({ request: { case: "requestBody", value: { body: bytes, endOfStream } } });
const same = (bytes: Buffer) => bytes;

function framed(message: Uint8Array, flag = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

describe.each(transportNames)("the transport %s", (transport) => {
  let server: ExtProcServer;
  let address: string;
  let port: number;
  let client: Client;
  let outcomes: StreamOutcome[];
  const open: { close(): void }[] = [];

  async function start(options: Partial<ExtProcServerOptions> = {}, at = "127.0.0.1:0") {
    server = createExtProcServer({
      transport,
      maxBodyBytes: 4 * 1024 * 1024,
      processor: {
        pick: () => ({
          onHeaders(_headers, { metadata }) {
            // It is decoded when it is asked for.
            expect(metadata).toBeInstanceOf(Object);
            return undefined;
          },
          decide: () => ({ kind: "route", setHeaders: [{ name: "x-to", value: "a" }] }),
          onEnd: (outcome) => outcomes.push(outcome),
        }),
        observe: () => ({}),
      },
      ...options,
    });
    address = await server.listen(at);
    port = Number(address.split(":").at(-1));
  }

  beforeEach(async () => {
    outcomes = [];
    await start();
    client = new Client(address, credentials.createInsecure());
  });

  afterEach(async () => {
    for (const each of open.splice(0)) each.close();
    client.close();
    await server.close(0);
  });

  function call(metadata = new Metadata(), options = {}, by = client) {
    return by.makeBidiStreamRequest(path, same, same, metadata, options);
  }

  /** Sends messages, ends, and tells what came back. */
  function played(
    messages: readonly Buffer[],
    metadata = new Metadata(),
    options: object = {},
    by: Client = client,
  ): Promise<{ readonly answers: Buffer[]; readonly code: number }> {
    const stream = call(metadata, options, by);
    const answers: Buffer[] = [];
    return new Promise((resolve) => {
      stream.on("data", (answer: Buffer) => answers.push(answer));
      stream.on("error", ({ code }: ServiceError) => resolve({ answers, code }));
      stream.on("end", () => resolve({ answers, code: status.OK }));
      for (const message of messages) stream.write(message);
      stream.end();
    });
  }

  async function isAlive(): Promise<boolean> {
    const { answers, code } = await played([headers]);
    return answers.length === 1 && code === status.OK;
  }

  function session(): ClientHttp2Session {
    const made = connectHttp2(`http://${address}`);
    made.on("error", () => {});
    open.push({ close: () => made.destroy() });
    return made;
  }

  /** A call of raw bytes; resolves with its status. */
  function rawCall(
    bytes: Buffer | undefined,
    more: Readonly<Record<string, string>> = {},
    method = path,
  ): Promise<{ readonly status?: string; readonly http?: number; readonly words?: string }> {
    const stream = session().request({
      ":method": "POST",
      ":path": method,
      "content-type": "application/grpc",
      te: "trailers",
      ...more,
    });
    return new Promise((resolve) => {
      let http: number | undefined;
      let told: string | undefined;
      let words: string | undefined;
      const take = (from: Record<string, unknown>) => {
        if (from["grpc-status"] !== undefined) told = String(from["grpc-status"]);
        if (from["grpc-message"] !== undefined) words = String(from["grpc-message"]);
      };
      stream.on("response", (from) => {
        http = Number(from[":status"]);
        take(from);
      });
      stream.on("trailers", take);
      stream.on("error", () => {});
      stream.on("data", () => {});
      stream.on("close", () =>
        resolve({
          ...(told === undefined ? {} : { status: told }),
          ...(http === undefined ? {} : { http }),
          ...(words === undefined ? {} : { words }),
        }),
      );
      if (bytes !== undefined) stream.write(bytes);
      stream.end();
    });
  }

  test("gives a large body back whole, in order", async () => {
    const sent = Buffer.alloc(3_000_000, 0);
    for (let i = 0; i < sent.length; i++) sent[i] = (i * 7) & 255;
    const pieces = Array.from({ length: 48 }, (_, i) =>
      sent.subarray(i * 62_500, (i + 1) * 62_500),
    );
    const messages = [
      duplexHeaders,
      ...pieces.map((piece, i) => body(piece, i === pieces.length - 1)),
    ];
    const { answers, code } = await played(messages);
    const received = answers.flatMap((answer) => {
      const { response } = fromBinary(ProcessingResponseSchema, answer);
      const mutation =
        response.case === "requestBody"
          ? response.value.response?.bodyMutation?.mutation
          : undefined;
      return mutation?.case === "streamedResponse" ? [mutation.value.body] : [];
    });
    expect(code).toBe(status.OK);
    expect(Buffer.concat(received).equals(sent)).toBe(true);
  });

  test("a client that does not read holds nobody up, and is not read from without bound", async () => {
    const greedy = session().request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
    });
    greedy.on("error", () => {});
    greedy.pause();
    // Decided at once: every piece comes back, and is not taken.
    const first = request({
      request: { case: "requestHeaders", value: { headers: { headers: [] }, endOfStream: true } },
      protocolConfig: { responseBodyMode: 4 },
    });
    const piece = request({
      request: { case: "responseBody", value: { body: Buffer.alloc(62_000) } },
    });
    let taken = 0;
    greedy.write(framed(first));
    const send = (): void => {
      while (taken < 800) {
        taken++;
        if (!greedy.write(framed(piece))) {
          greedy.once("drain", send);
          return;
        }
      }
    };
    send();
    let before = -1;
    while (taken !== before || taken === 0) {
      before = taken;
      for (let i = 0; i < 20; i++) expect(await isAlive()).toBe(true);
    }
    // Windows and buffers of both sides, and no more: 50 MB were to be sent.
    expect(taken * 62_000).toBeLessThan(10_000_000);
  });

  test("messages may be split anywhere", async () => {
    const stream = session().request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
    });
    const bytes = framed(headers);
    let got = 0;
    stream.on("data", (chunk: Buffer) => {
      got += chunk.length;
    });
    for (const byte of bytes) {
      stream.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    stream.end();
    await new Promise((resolve) => stream.on("close", resolve));
    expect(got).toBeGreaterThan(5);
  });

  test("compressed messages are read, within the limit", async () => {
    const gzip = { "grpc.default_compression_algorithm": 2 };
    const packed = new Client(address, credentials.createInsecure(), gzip);
    open.push(packed);
    const { answers, code } = await played([headers], new Metadata(), {}, packed);
    expect([answers.length, code]).toEqual([1, status.OK]);
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    expect(await rawCall(framed(bomb, 1), { "grpc-encoding": "gzip" })).toMatchObject({
      status: "8",
    });
    expect(
      await rawCall(framed(Buffer.from("no gzip"), 1), { "grpc-encoding": "gzip" }),
    ).toMatchObject({ status: "13" });
    // grpc-js takes the message as it is, where gRPC asks for an error.
    expect(await rawCall(framed(headers, 1))).toMatchObject({
      status: transport === "http2" ? "13" : "0",
    });
    // What is not compressed needs no decoder: grpc-js minds the first message that is.
    const flag = transport === "http2" ? 0 : 1;
    expect(await rawCall(framed(headers, flag), { "grpc-encoding": "br" })).toMatchObject({
      status: "12",
    });
    expect(await isAlive()).toBe(true);
  });

  test.each([
    { name: "4 GiB announced", bytes: framed(Buffer.alloc(0), 0, 0xffff_ffff), code: "8" },
    {
      name: "a message over the limit",
      bytes: framed(Buffer.alloc(10), 0, 6 * 1024 * 1024),
      code: "8",
    },
    { name: "garbage in a message", bytes: framed(Buffer.from([0xff, 0xff, 0xff])), code: "3" },
    { name: "an empty message", bytes: framed(Buffer.alloc(0)), code: "3" },
  ])("$name ends its call with status $code", async ({ bytes, code }) => {
    expect(await rawCall(bytes)).toMatchObject({ status: code });
    expect(await isAlive()).toBe(true);
  });

  test("a call that ends within a message fails", async () => {
    const { status: code } = await rawCall(framed(headers).subarray(0, 8));
    // grpc-js drops what is not whole and ends the call well.
    expect(code).toBe(transport === "http2" ? "13" : "0");
    expect(await isAlive()).toBe(true);
  });

  test("20,000 structs deep in the metadata end one call at most", async () => {
    const head = (field: number, bytes: number) => {
      const length: number[] = [];
      let rest = bytes;
      while (rest > 127) {
        length.push((rest & 127) | 128);
        rest >>>= 7;
      }
      return Buffer.from([(field << 3) | 2, ...length, rest]);
    };
    const wrap = (field: number, inner: Buffer) =>
      Buffer.concat([head(field, inner.length), inner]);
    // From the inside out: each length counts what is behind it.
    const pieces = [Buffer.from([0x1a, 0x00])];
    let bytes = 2;
    for (let i = 0; i < 40_000; i++) {
      const piece = head(i % 2 === 0 ? 1 : 6, bytes);
      pieces.push(piece);
      bytes += piece.length;
    }
    const value = Buffer.concat(pieces.toReversed());
    const entry = wrap(
      1,
      Buffer.concat([
        wrap(1, Buffer.from("ns")),
        wrap(2, wrap(1, Buffer.concat([wrap(1, Buffer.from("k")), wrap(2, value)]))),
      ]),
    );
    const { status: code } = await rawCall(framed(Buffer.concat([headers, wrap(8, entry)])));
    expect(code).toBe("3");
    expect(await isAlive()).toBe(true);
  });

  test("what is no gRPC is refused", async () => {
    expect(await rawCall(undefined, {}, "/other.Service/Method")).toMatchObject({ status: "12" });
    expect(await rawCall(framed(headers), { "content-type": "application/json" })).toMatchObject({
      http: 415,
    });
    expect(await rawCall(framed(headers), { "grpc-timeout": "soon" })).toMatchObject({
      status: expect.stringMatching(/^13|1$/),
    });
    expect(await isAlive()).toBe(true);
  });

  test("a deadline ends the call", async () => {
    const stream = call(new Metadata(), { deadline: Date.now() + 50 });
    const code = await new Promise((resolve) => {
      stream.on("data", () => {});
      stream.on("error", ({ code: told }: ServiceError) => resolve(told));
      stream.write(duplexHeaders);
    });
    expect(code).toBe(status.DEADLINE_EXCEEDED);
    expect(await isAlive()).toBe(true);
  });

  test.each([
    ["HTTP/1", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"],
    ["a TLS hello", Buffer.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 0])],
    ["half a preface", "PRI * HTTP/2.0\r\n\r\nSM"],
    ["noise", Buffer.alloc(4_096, 0xaa)],
  ])("%s loses its connection and nothing else", async (_name, bytes) => {
    const socket = connect(port, "127.0.0.1");
    open.push({ close: () => socket.destroy() });
    socket.on("error", () => {});
    socket.write(bytes);
    socket.end();
    expect(await isAlive()).toBe(true);
  });

  test("5,000 streams reset at once, and 1,000 that say nothing", async () => {
    const peer = session();
    const silent = session();
    for (let i = 0; i < 5_000; i++) {
      const stream = peer.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
      });
      stream.on("error", () => {});
      stream.close(8);
    }
    for (let i = 0; i < 1_000; i++) {
      silent
        .request({ ":method": "POST", ":path": path, "content-type": "application/grpc" })
        .on("error", () => {});
    }
    expect(await isAlive()).toBe(true);
    peer.destroy();
    silent.destroy();
    expect(await isAlive()).toBe(true);
  });

  test("a shut-down lets open calls end, and takes no new ones", async () => {
    const stream = call();
    const ended = new Promise((resolve) => stream.on("end", resolve));
    const answered = new Promise((resolve) => stream.once("data", resolve));
    stream.write(headers);
    await answered;
    const closed = server.close(10_000);
    await expect(
      new Promise((resolve, reject) => {
        const socket = connect(port, "127.0.0.1");
        socket.on("connect", resolve);
        socket.on("error", reject);
      }),
    ).rejects.toThrow();
    stream.end();
    await ended;
    client.close();
    await closed;
    expect(outcomes).toEqual(["complete"]);
    expect(server.openStreams).toBe(0);
  });

  test("a shut-down cuts what does not end in time", async () => {
    const stream = call();
    const failed = new Promise((resolve) => stream.on("error", resolve));
    stream.on("data", () => {});
    stream.write(duplexHeaders);
    const answers = played([headers]);
    await answers;
    await server.close(50);
    expect(await failed).toBeInstanceOf(Error);
    expect(server.openStreams).toBe(0);
  });

  test("a Unix socket is for this user alone, and a stale one is no hindrance", async () => {
    const folder = mkdtempSync(join(tmpdir(), "umbra-socket-"));
    const socket = join(folder, "umbra.sock");
    try {
      for (let round = 0; round < 2; round++) {
        await server.close(0);
        await start({}, `unix:${socket}`);
        expect(statSync(socket).mode & 0o777).toBe(0o600);
        const byPath = new Client(`unix:${socket}`, credentials.createInsecure());
        const { code } = await played([headers], new Metadata(), {}, byPath);
        byPath.close();
        expect(code).toBe(status.OK);
      }
      const second = createExtProcServer({
        transport,
        processor: {
          pick: () => ({ decide: () => ({ kind: "route", setHeaders: [] }) }),
          observe: () => ({}),
        },
      });
      await expect(second.listen(`unix:${socket}`)).rejects.toThrow("can't be listened on");
      await second.close(0);
      expect(existsSync(socket)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test.each(["nonsense", "127.0.0.1:99999", "unix:relative"])(
    "refuses to listen on %s",
    async (text) => {
      const other = createExtProcServer({
        transport,
        processor: {
          pick: () => ({ decide: () => ({ kind: "route", setHeaders: [] }) }),
          observe: () => ({}),
        },
      });
      await expect(other.listen(text)).rejects.toThrow(text);
      await other.close(0);
    },
  );

  test("reflection lists the services and gives their files", async () => {
    const ask = (message: readonly number[]) =>
      new Promise<string>((resolve, reject) => {
        const stream = client.makeBidiStreamRequest(
          "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
          same,
          same,
          new Metadata(),
        );
        stream.on("data", (answer: Buffer) => resolve(answer.toString("latin1")));
        stream.on("error", reject);
        stream.write(Buffer.from(message));
        stream.end();
      });
    expect(await ask([0x3a, 1, 0x2a])).toContain("envoy.service.ext_proc.v3.ExternalProcessor");
    const symbol = Buffer.from("grpc.health.v1.Health");
    expect(await ask([0x22, symbol.length, ...symbol])).toContain("HealthCheckRequest");
    const unknown = Buffer.from("no.such.Symbol");
    expect(await ask([0x22, unknown.length, ...unknown])).toContain("there is no such symbol");
  });
});
