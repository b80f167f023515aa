import { connect } from "node:http2";
import { create } from "@bufbuild/protobuf";
import {
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createExtProcServer, type ExtProcServer, type StreamOutcome } from "@umbra/ext-proc";
import {
  ExternalProcessor,
  type ProcessingRequest,
  ProcessingRequestSchema,
  type ProcessingResponse,
} from "@umbra/ext-proc/internal";
import { Health } from "@umbra/grpc";
import { HealthCheckResponse_ServingStatus as Serving } from "@umbra/grpc/internal";
import { methodDefinition } from "../../grpc/test/method-definition.ts";
import { until } from "../../grpc/test/until.ts";

const definition = methodDefinition(ExternalProcessor.method.process);
type Call = ClientDuplexStream<ProcessingRequest, ProcessingResponse>;

const headers = {
  case: "requestHeaders" as const,
  value: { headers: { headers: [] }, endOfStream: true },
};
const request = (overrides: object = {}) =>
  create(ProcessingRequestSchema, { request: headers, ...overrides });
const responseEnd = create(ProcessingRequestSchema, {
  observabilityMode: true,
  request: { case: "responseBody", value: { endOfStream: true } },
});

/** A message whose forwarded metadata are 20,000 structs within one another. */
function deepMetadata(): Buffer {
  const head = (field: number, bytes: number) => {
    const length: number[] = [];
    let rest = bytes;
    for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
    return Buffer.from([(field << 3) | 2, ...length, rest]);
  };
  const wrap = (field: number, ...inner: Buffer[]) => {
    const bytes = Buffer.concat(inner);
    return Buffer.concat([head(field, bytes.length), bytes]);
  };
  // From the inside out, because each length includes what follows.
  const pieces = [Buffer.from([0x1a, 0x00])];
  let bytes = 2;
  for (let i = 0; i < 40_000; i++) {
    const piece = head(i % 2 === 0 ? 1 : 6, bytes);
    pieces.push(piece);
    bytes += piece.length;
  }
  const field = wrap(1, wrap(1, Buffer.from("k")), wrap(2, Buffer.concat(pieces.toReversed())));
  const entry = wrap(1, wrap(1, Buffer.from("ns")), wrap(2, field));
  return Buffer.concat([definition.requestSerialize(request()), wrap(8, entry)]);
}

describe("the ext_proc server", () => {
  let server: ExtProcServer;
  let client: Client;
  let outcomes: StreamOutcome[];
  let errors: unknown[];
  let address: string;

  beforeEach(async () => {
    outcomes = [];
    errors = [];
    server = createExtProcServer({
      maxBodyBytes: 1_000_000,
      onError: (cause) => errors.push(cause),
      processor: {
        pick: ({ metadata }) => ({
          onHeaders(_headers, info) {
            // It is decoded when it is asked for.
            expect(info.metadata).toBeInstanceOf(Object);
            return undefined;
          },
          decide() {
            if (metadata.get("x-umbra-pool") === "throws") throw new Error("a bug");
            if (metadata.get("x-umbra-pool") === "rejects") {
              const decided = new Promise<never>((_, reject) =>
                setImmediate(() => reject(new Error("a late bug"))),
              );
              return { kind: "pending", limitMs: 1_000, decided };
            }
            return {
              kind: "route",
              setHeaders: [{ name: "x-pool", value: metadata.get("x-umbra-pool") ?? "none" }],
            };
          },
          onEnd: (outcome) => outcomes.push(outcome),
        }),
        observe: () => ({ onEnd: (outcome) => outcomes.push(outcome) }),
      },
    });
    address = await server.listen("127.0.0.1:0");
    client = new Client(address, credentials.createInsecure());
  });

  afterEach(async () => {
    client.close();
    await server.close(0);
  });

  function open(pool = "a"): Call {
    const metadata = new Metadata();
    metadata.set("x-umbra-pool", pool);
    return client.makeBidiStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize as (bytes: Buffer) => ProcessingResponse,
      metadata,
    );
  }

  function over(call: Call): Promise<ServiceError | undefined> {
    return new Promise((resolve) => {
      call.on("data", () => {});
      call.once("error", (error: ServiceError) => resolve(error));
      call.once("end", () => resolve(undefined));
    });
  }

  test("knows a stream's pool by its metadata, and ends its side when Envoy does", async () => {
    const call = open("blue");
    const answer = new Promise<ProcessingResponse>((resolve) => call.once("data", resolve));
    call.write(request());
    const { response } = await answer;
    const value =
      response.case === "requestHeaders"
        ? response.value.response?.headerMutation?.setHeaders[0]?.header
        : undefined;
    expect(Buffer.from(value?.rawValue ?? []).toString()).toBe("blue");
    const ended = over(call);
    call.end();
    expect(await ended).toBeUndefined();
    expect(outcomes).toEqual(["complete"]);
    expect(server.openStreams).toBe(0);
  });

  test("a throw ends its own stream only", async () => {
    const bad = open("throws");
    const other = open();
    const failure = over(bad);
    bad.write(request());
    expect((await failure)?.code).toBe(status.INTERNAL);
    expect(String(errors[0])).toContain("a bug");
    const answer = new Promise((resolve) => other.once("data", resolve));
    other.write(request());
    await answer;
    other.end();
    await over(other);
    expect(outcomes).toEqual(["failed", "complete"]);
  });

  test("a decision that fails later ends its own stream only", async () => {
    const bad = open("rejects");
    const failure = over(bad);
    bad.write(request());
    expect((await failure)?.code).toBe(status.INTERNAL);
    expect(String(errors[0])).toContain("a late bug");
    expect(outcomes).toEqual(["failed"]);
  });

  test.each([0, 2, 8])(
    "a stream that is not read from ends too, when it is reset with code %d",
    async (code) => {
      const session = connect(`http://${address}`, { settings: { initialWindowSize: 1_024 } });
      const stream = session.request({
        ":method": "POST",
        ":path": definition.path,
        "content-type": "application/grpc",
      });
      stream.on("error", () => {});
      stream.pause();
      const send = (message: ProcessingRequest) => {
        const bytes = definition.requestSerialize(message);
        const prefix = Buffer.alloc(5);
        prefix.writeUInt32BE(bytes.length, 1);
        stream.write(Buffer.concat([prefix, bytes]));
      };
      send(request({ protocolConfig: { requestBodyMode: 0, responseBodyMode: 4 } }));
      for (let i = 0; i < 60; i++) {
        const value = { body: Buffer.alloc(62_000), endOfStream: false };
        send(create(ProcessingRequestSchema, { request: { case: "responseBody", value } }));
      }
      await until(() => server.openStreams === 1 && stream.writableLength > 0);
      stream.close(code);
      await until(() => outcomes.length === 1);
      expect(server.openStreams).toBe(0);
      session.destroy();
    },
  );

  test("a message out of order ends its stream with INVALID_ARGUMENT", async () => {
    const call = open();
    const failure = over(call);
    call.write(create(ProcessingRequestSchema, { request: { case: "requestBody", value: {} } }));
    expect((await failure)?.code).toBe(status.INVALID_ARGUMENT);
  });

  test("ends an observe stream at the end of the response, without a word", async () => {
    const call = open();
    const answers: unknown[] = [];
    call.on("data", (answer) => answers.push(answer));
    const ended = over(call);
    call.write(request({ observabilityMode: true }));
    call.write(responseEnd);
    expect(await ended).toBeUndefined();
    expect(answers).toEqual([]);
    expect(outcomes).toEqual(["complete"]);
  });

  test.each([
    { name: "garbage", bytes: Buffer.from([0xff, 0xff, 0xff, 0xff]) },
    { name: "an empty message", bytes: Buffer.alloc(0) },
    { name: "metadata of 20,000 structs", bytes: deepMetadata() },
  ])("refuses $name, and lives on", async ({ bytes }) => {
    const call = client.makeBidiStreamRequest(
      definition.path,
      (each: Buffer) => each,
      (each: Buffer) => each,
      new Metadata(),
    );
    const failure = new Promise<ServiceError>((resolve) => call.once("error", resolve));
    call.write(bytes);
    expect((await failure).code).toBe(status.INVALID_ARGUMENT);
    const next = open();
    const answer = new Promise((resolve) => next.once("data", resolve));
    next.write(request());
    await answer;
    next.cancel();
    await over(next);
  });

  test("gives a large body back whole, in order", async () => {
    const sent = Buffer.alloc(960_000);
    for (let i = 0; i < sent.length; i++) sent[i] = (i * 7) & 255;
    const call = open();
    const received: Uint8Array[] = [];
    call.on("data", ({ response }: ProcessingResponse) => {
      if (response.case !== "requestBody") return;
      const mutation = response.value.response?.bodyMutation?.mutation;
      if (mutation?.case === "streamedResponse") received.push(mutation.value.body);
    });
    const ended = over(call);
    const value = { headers: { headers: [] }, endOfStream: false };
    call.write(
      create(ProcessingRequestSchema, {
        request: { case: "requestHeaders", value },
        protocolConfig: { requestBodyMode: 4 },
      }),
    );
    for (let at = 0; at < sent.length; at += 60_000) {
      const body = sent.subarray(at, at + 60_000);
      const endOfStream = at + 60_000 === sent.length;
      call.write(
        create(ProcessingRequestSchema, {
          request: { case: "requestBody", value: { body, endOfStream } },
        }),
      );
    }
    call.end();
    expect(await ended).toBeUndefined();
    expect(Buffer.concat(received).equals(sent)).toBe(true);
  });

  test("refuses a message over the limit", async () => {
    const call = open();
    const failure = over(call);
    call.write(
      create(ProcessingRequestSchema, {
        request: { case: "requestBody", value: { body: new Uint8Array(3_000_000) } },
      }),
    );
    expect((await failure)?.code).toBe(status.RESOURCE_EXHAUSTED);
  });

  test.each([
    { service: "", before: Serving.NOT_SERVING },
    { service: "readiness", before: Serving.NOT_SERVING },
    { service: "envoy.service.ext_proc.v3.ExternalProcessor", before: Serving.NOT_SERVING },
    { service: "liveness", before: Serving.SERVING },
  ])('says its health as "$service"', async ({ service, before }) => {
    const check = methodDefinition(Health.method.check);
    const health = () =>
      new Promise((resolve) => {
        client.makeUnaryRequest(
          check.path,
          check.requestSerialize,
          check.responseDeserialize as (bytes: Buffer) => { status: number },
          { $typeName: "grpc.health.v1.HealthCheckRequest", service },
          (error, response) => resolve(error === null ? response?.status : error.code),
        );
      });
    expect(await health()).toBe(before);
    server.setServing(true);
    expect(await health()).toBe(Serving.SERVING);
  });

  test("describes its services to tools", async () => {
    const same = (bytes: Buffer) => bytes;
    const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    const stream = client.makeBidiStreamRequest(path, same, same, new Metadata());
    const answer = new Promise<Buffer>((resolve) => stream.once("data", resolve));
    stream.write(Buffer.from([0x3a, 1, 0x2a]));
    stream.end();
    const list = (await answer).toString("latin1");
    expect(list).toContain("envoy.service.ext_proc.v3.ExternalProcessor");
    expect(list).toContain("grpc.health.v1.Health");
  });
});
