import { once } from "node:events";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  createGrpcServer,
  createHealthService,
  type GrpcServer,
  Health,
  type HealthService,
  ProtocolError,
  reflectionMethods,
  statusCode,
} from "@umbra/grpc";
import { HealthCheckResponse_ServingStatus as Serving } from "@umbra/grpc/internal";
import { methodDefinition } from "./method-definition.ts";

let server: GrpcServer;
let client: Client;
let health: HealthService;

beforeEach(async () => {
  health = createHealthService({ names: ["", "readiness"], aliveNames: ["liveness"] });
  server = createGrpcServer({
    methods: new Map([...health.methods, ...reflectionMethods([Health])]),
    maxMessageBytes: 1_024,
    maxConcurrentStreams: 1_000,
    onThrow: (cause) => ({
      code: cause instanceof ProtocolError ? statusCode.invalidArgument : statusCode.internal,
      message: String(cause),
    }),
  });
  client = new Client(await server.listen("127.0.0.1:0"), credentials.createInsecure());
});

afterEach(async () => {
  client.close();
  health.close();
  await server.close(0);
});

describe("health", () => {
  const check = methodDefinition(Health.method.check);
  const watch = methodDefinition(Health.method.watch);
  const requestFor = (service: string) => ({
    $typeName: "grpc.health.v1.HealthCheckRequest" as const,
    service,
  });
  const read = check.responseDeserialize as (bytes: Buffer) => { status: number };

  function healthOf(service: string): Promise<unknown> {
    return new Promise((resolve) => {
      const done = (error: { readonly code: number } | null, response?: { status: number }) =>
        resolve(error === null ? response?.status : error.code);
      client.makeUnaryRequest(
        check.path,
        check.requestSerialize,
        read,
        requestFor(service),
        new Metadata(),
        {},
        done,
      );
    });
  }

  function watched(service: string) {
    const { path, requestSerialize } = watch;
    return client.makeServerStreamRequest(path, requestSerialize, read, requestFor(service));
  }

  test.each(["", "readiness"])('"%s" follows the server', async (service) => {
    expect(await healthOf(service)).toBe(Serving.NOT_SERVING);
    health.setServing(true);
    expect(await healthOf(service)).toBe(Serving.SERVING);
  });

  test("a process is alive before it serves", async () => {
    expect(await healthOf("liveness")).toBe(Serving.SERVING);
  });

  test("an unknown name is not found", async () => {
    expect(await healthOf("other")).toBe(status.NOT_FOUND);
  });

  test("Watch reports changes, and ends when the service closes", async () => {
    const call = watched("");
    const seen: number[] = [];
    const ended = new Promise((resolve) => call.once("end", resolve));
    call.on("data", ({ status: now }) => {
      seen.push(now);
      if (seen.length === 1) health.setServing(true);
      else health.close();
    });
    await ended;
    expect(seen).toEqual([Serving.NOT_SERVING, Serving.SERVING]);
  });

  test("takes no more than 100 watchers", async () => {
    const codes = Array.from({ length: 101 }, () => {
      const call = watched("");
      return new Promise<number>((resolve) => {
        call.on("data", () => resolve(status.OK));
        call.on("error", ({ code }: { readonly code: number }) => resolve(code));
      });
    });
    const refused = (await Promise.all(codes)).filter((code) => code !== status.OK);
    expect(refused).toEqual([status.RESOURCE_EXHAUSTED]);
  });

  test("refuses an invalid message", async () => {
    const call = new Promise<number | undefined>((resolve) => {
      client.makeUnaryRequest(
        check.path,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        Buffer.from([0xff]),
        (error) => resolve(error?.code),
      );
    });
    expect(await call).toBe(status.INVALID_ARGUMENT);
  });
});

describe("reflection", () => {
  const same = (bytes: Buffer) => bytes;
  const method = "ServerReflection/ServerReflectionInfo";

  function ask(message: readonly number[], version = "v1"): Promise<string> {
    return new Promise((resolve, reject) => {
      const path = `/grpc.reflection.${version}.${method}`;
      const stream = client.makeBidiStreamRequest(path, same, same, new Metadata());
      stream.on("data", (answer: Buffer) => resolve(answer.toString("latin1")));
      stream.on("error", reject);
      stream.write(Buffer.from(message));
      stream.end();
    });
  }
  const symbol = (name: string) => [0x22, name.length, ...Buffer.from(name)];
  const file = (name: string) => [0x1a, name.length, ...Buffer.from(name)];

  test.each(["v1", "v1alpha"])("lists the services, asked in %s", async (version) => {
    const list = await ask([0x3a, 1, 0x2a], version);
    expect(list).toContain("grpc.health.v1.Health");
    expect(list).toContain("grpc.reflection.v1.ServerReflection");
  });

  test.each([
    { name: "a symbol", message: symbol("grpc.health.v1.Health"), says: "HealthCheckRequest" },
    { name: "a file", message: file("grpc/health/v1/health.proto"), says: "HealthCheckRequest" },
    { name: "an unknown symbol", message: symbol("no.Such"), says: "unknown symbol" },
    { name: "an unknown file", message: file("no.proto"), says: "unknown file" },
  ])("gives the file of $name", async ({ message, says }) => {
    expect(await ask(message)).toContain(says);
  });

  test("serves two calls at once, and then others", async () => {
    const path = `/grpc.reflection.v1.${method}`;
    const open = () => client.makeBidiStreamRequest(path, same, same, new Metadata());
    const ended = (stream: ReturnType<typeof open>) =>
      new Promise<number>((resolve) => {
        stream.on("data", () => {});
        stream.on("status", ({ code }: { code: number }) => resolve(code));
        stream.on("error", () => {});
      });
    const held = [open(), open()];
    for (const each of held) {
      each.write(Buffer.from(file("no.proto")));
      await once(each, "data");
    }
    for (let refused = 0; refused < 5; refused++) {
      expect(await ended(open())).toBe(status.RESOURCE_EXHAUSTED);
    }
    const over = held.map(ended);
    for (const each of held) each.end();
    expect(await Promise.all(over)).toEqual([status.OK, status.OK]);
    const later = open();
    later.end(Buffer.from(file("no.proto")));
    expect(await ended(later)).toBe(status.OK);
  });

  test("answers at most a hundred questions of one call", async () => {
    const path = `/grpc.reflection.v1.${method}`;
    const stream = client.makeBidiStreamRequest(path, same, same, new Metadata());
    let answers = 0;
    stream.on("data", () => void answers++);
    const failed = new Promise<{ code: number }>((resolve) => stream.on("error", resolve));
    for (let i = 0; i < 1_000; i++) stream.write(Buffer.from(file("no.proto")));
    expect((await failed).code).toBe(status.RESOURCE_EXHAUSTED);
    expect(answers).toBeLessThanOrEqual(100);
  });
});
