import { create } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, type ServiceError } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createExtProcServer, type ExtProcServer, type PickExchange } from "@umbra/ext-proc";
import {
  ExternalProcessor,
  type ProcessingRequest,
  ProcessingRequestSchema,
} from "@umbra/ext-proc/internal";
import { Health, statusCode } from "@umbra/grpc";
import { methodDefinition } from "../../grpc/test/method-definition.ts";

const process = methodDefinition(ExternalProcessor.method.process);
const watch = methodDefinition(Health.method.watch);
const idleMs = 200;

function requestHeaders(endOfStream: boolean, observabilityMode = false): ProcessingRequest {
  return create(ProcessingRequestSchema, {
    observabilityMode,
    request: { case: "requestHeaders", value: { headers: { headers: [] }, endOfStream } },
    // A body that is sent as a whole, once Envoy has it.
    protocolConfig: { requestBodyMode: 2 },
  });
}

const route = { kind: "route", setHeaders: [] } as const;
const reply = { kind: "reply", status: 429, headers: [], body: "", details: "full" } as const;

describe("streams of Envoy that are silent", () => {
  let server: ExtProcServer;
  let client: Client;
  let decided: ReturnType<PickExchange["decide"]>;

  beforeEach(async () => {
    decided = route;
    server = createExtProcServer({
      processor: { pick: () => ({ decide: () => decided }), observe: () => ({}) },
      onAccessLog() {},
      idleMs,
    });
    client = new Client(await server.listen("127.0.0.1:0"), credentials.createInsecure());
  });

  afterEach(async () => {
    client.close();
    await server.close(0);
  });

  function stream(first?: ProcessingRequest): ClientDuplexStream<ProcessingRequest, unknown> {
    const { path, requestSerialize, responseDeserialize } = process;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    call.on("data", () => {});
    if (first !== undefined) call.write(first);
    return call;
  }

  /** The status with which a call ends. */
  function ended(call: { on(event: "error", listener: (error: ServiceError) => void): unknown }) {
    return new Promise<number>((resolve) => call.on("error", ({ code }) => resolve(code)));
  }

  test.each([
    { name: "has not begun", open: () => stream() },
    {
      name: "was refused",
      open() {
        decided = reply;
        return stream(requestHeaders(true));
      },
    },
    {
      name: "watches our health",
      open() {
        const { path, requestSerialize, responseDeserialize } = watch;
        return client
          .makeServerStreamRequest(path, requestSerialize, responseDeserialize, {
            $typeName: "grpc.health.v1.HealthCheckRequest",
            service: "",
          })
          .on("data", () => {});
      },
    },
  ])("one that $name ends", async ({ open }) => {
    expect(await ended(open())).toBe(statusCode.deadlineExceeded);
  });

  test.each([
    { name: "whose endpoint was picked", first: requestHeaders(true) },
    { name: "whose body is on its way", first: requestHeaders(false) },
    { name: "that awaits the answer to be observed", first: requestHeaders(true, true) },
  ])("one $name stays", async ({ first }) => {
    const used = stream(first);
    let isOver = false;
    used.on("error", () => {
      isOver = true;
    });
    // Two silent ones, one after the other: twice as long as silence is suffered.
    for (let i = 0; i < 2; i++) expect(await ended(stream())).toBe(statusCode.deadlineExceeded);
    expect({ isOver, open: server.openStreams }).toEqual({ isOver: false, open: 1 });
    used.cancel();
  });
});
