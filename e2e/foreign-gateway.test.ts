import { createHash } from "node:crypto";
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { chat, post } from "./harness/client.ts";
import {
  type BodyMode,
  type ForeignGateway,
  startForeignGateway,
} from "./harness/foreign-gateway.ts";
import { freePorts } from "./harness/ports.ts";
import { until } from "./harness/until.ts";

/** What an endpoint says of the request that it got. */
interface Echo {
  readonly endpoint: string;
  readonly method: string;
  readonly sha: string;
  readonly bytes: number;
  readonly trailer: string | undefined;
  readonly destination: string | undefined;
}

interface Endpoint {
  readonly address: string;
  close(): Promise<void>;
}

/** Answers that a test ends. */
const held: ServerResponse[] = [];

/** Answers with what it got, in many pieces where asked, with trailers where asked. */
async function startEndpoint(): Promise<Endpoint> {
  let address = "";
  const server = createServer((incoming, response) => {
    const hash = createHash("sha256");
    let bytes = 0;
    incoming.on("data", (chunk: Buffer) => {
      hash.update(chunk);
      bytes += chunk.length;
    });
    incoming.on("end", () => {
      const echo: Echo = {
        endpoint: address,
        method: incoming.method ?? "",
        sha: hash.digest("hex"),
        bytes,
        trailer: incoming.trailers["x-sum"],
        destination: incoming.headers["x-gateway-destination-endpoint"] as string | undefined,
      };
      const wants = incoming.headers["x-want"];
      if (wants === "trailers") response.setHeader("trailer", "x-done");
      response.writeHead(200, { "content-type": "application/json" });
      if (wants === "patience") {
        held.push(response);
        response.write(" ");
        return;
      }
      if (wants === "much") response.write(" ".repeat(1_000_000));
      response.write(JSON.stringify(echo));
      if (wants === "trailers") response.addTrailers({ "x-done": "yes" });
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const poolOf = (
  name: string,
  endpoints: readonly string[],
) => `apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, namespace: inf, annotations: {umbra.dev/endpoints: "${endpoints.join(",")}"}}
spec: {targetPorts: [{number: 8000}], selector: {matchLabels: {app: ${name}}}, endpointPickerRef: {name: umbra, port: {number: 9002}}}
`;

const sha = (text: string) => createHash("sha256").update(text).digest("hex");

/** Posts in chunks, with a trailer after the body. */
function postWithTrailer(origin: string, body: string, headers: IncomingHttpHeaders = {}) {
  return new Promise<{ status: number; text: string; trailers: NodeJS.Dict<string> }>(
    (resolve, reject) => {
      const outgoing = httpRequest(
        `${origin}/v1/chat/completions`,
        {
          method: "POST",
          headers: {
            "content-type": "application/json",
            trailer: "x-sum",
            te: "trailers",
            ...headers,
          },
          timeout: 10_000,
        },
        (incoming) => {
          let text = "";
          incoming.setEncoding("utf8").on("data", (piece: string) => {
            text += piece;
          });
          incoming.on("end", () =>
            resolve({ status: incoming.statusCode ?? 0, text, trailers: incoming.trailers }),
          );
        },
      );
      outgoing.on("error", reject).on("timeout", () => outgoing.destroy(new Error("it hangs")));
      outgoing.write(body.slice(0, 10));
      outgoing.write(body.slice(10));
      outgoing.addTrailers({ "x-sum": "7" });
      outgoing.end();
    },
  );
}

const echoed = (text: string) => JSON.parse(text) as Echo;

describe("a gateway that another controller has configured", () => {
  let endpoints: readonly Endpoint[] = [];
  let gateway: ForeignGateway;
  let dead = "";
  const inFlight = async () => {
    const { body } = await request(`http://${gateway.admin}/v1/pools`);
    const { pools } = (await body.json()) as { pools: { endpoints: { inFlight: number }[] }[] };
    return pools.flatMap((each) => each.endpoints).reduce((sum, each) => sum + each.inFlight, 0);
  };

  beforeAll(async () => {
    endpoints = await Promise.all([startEndpoint(), startEndpoint(), startEndpoint()]);
    const [port] = await freePorts(1);
    dead = `127.0.0.1:${port}`;
    const all = endpoints.map(({ address }) => address);
    const [first = ""] = all;
    gateway = await startForeignGateway({
      pools: poolOf("llama", all),
      listeners: [
        { name: "by-header", cluster: "header" },
        { name: "by-metadata", cluster: "metadata", endpoints: all },
        { name: "subset", cluster: "metadata", endpoints: all, subset: [first] },
        { name: "no-subset", cluster: "header", subset: ["10.0.0.9:8000"] },
        { name: "buffered", cluster: "header", bodyMode: "BUFFERED" },
        { name: "partial", cluster: "header", bodyMode: "BUFFERED_PARTIAL" },
        { name: "streamed", cluster: "header", bodyMode: "STREAMED" },
        { name: "headers", cluster: "header", bodyMode: "NONE" },
        { name: "duplex-none", cluster: "header", responseMode: "NONE" },
        { name: "buffered-none", cluster: "header", bodyMode: "BUFFERED", responseMode: "NONE" },
        {
          name: "copies",
          cluster: "metadata",
          endpoints: all,
          bodyMode: "STREAMED",
          filter: { observability_mode: true, failure_mode_allow: true },
        },
      ],
    });
  }, 60_000);
  afterAll(async () => {
    await gateway?.stop();
    await Promise.all(endpoints.map(({ close }) => close()));
  });

  const addresses = () => endpoints.map(({ address }) => address);

  test.each(["by-header", "by-metadata", "buffered", "partial", "streamed", "headers"])(
    "%s: bodies of any size arrive unchanged, answers too, with and without trailers",
    async (listener) => {
      const origin = gateway.origin(listener);
      for (const promptBytes of [0, 61_900, 62_100, 300_000]) {
        const body = chat({ promptBytes });
        const { status, text } = await post(origin, body);
        expect(status).toBe(200);
        expect(echoed(text)).toMatchObject({ bytes: body.length, sha: sha(body) });
        expect(addresses()).toContain(echoed(text).endpoint);
        expect(echoed(text).destination).toBe(echoed(text).endpoint);
      }
      const much = await post(origin, chat(), { headers: { "x-want": "much" } });
      expect(much.text).toHaveLength(1_000_000 + much.text.trim().length);
      const body = chat({ promptBytes: 70_000 });
      const withTrailer = await postWithTrailer(origin, body, { "x-want": "trailers" });
      expect(withTrailer.status).toBe(200);
      expect(echoed(withTrailer.text)).toMatchObject({
        bytes: body.length,
        sha: sha(body),
        trailer: "7",
      });
      expect(withTrailer.trailers).toEqual({ "x-done": "yes" });
      const models = await request(`${origin}/v1/models`);
      expect(models.statusCode).toBe(200);
      expect(echoed(await models.body.text())).toMatchObject({ method: "GET", bytes: 0 });
      expect(
        await gateway.stat(new RegExp(`ext_proc.${listener}.streams_started`)),
      ).toBeGreaterThan(0);
      await until("nothing is in flight", async () => (await inFlight()) === 0);
      expect(
        await gateway.stat(new RegExp(`ext_proc.${listener}.*(failed|spurious|timeouts)`)),
      ).toBe(0);
    },
  );

  test.each(["by-header", "streamed", "headers", "duplex-none", "buffered-none"])(
    "%s: a request is in flight until its answer has ended",
    async (listener) => {
      const { body } = await request(`${gateway.origin(listener)}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-want": "patience" },
        body: chat(),
      });
      const pieces = body[Symbol.asyncIterator]();
      await pieces.next();
      const [answer] = held.splice(0);
      // What the gateway has to say of the answer's headers it has said before a second piece comes.
      answer?.write(" ");
      await pieces.next();
      expect(await inFlight()).toBe(1);
      answer?.end();
      await pieces.next();
      await until("nothing is in flight", async () => (await inFlight()) === 0);
    },
  );

  test("requests are shared out among the endpoints, by metadata alone too", async () => {
    for (const listener of ["by-header", "by-metadata"]) {
      const seen = new Set<string>();
      for (let i = 0; i < 20; i++) {
        seen.add(
          echoed((await post(gateway.origin(listener), chat({ promptBytes: i }))).text).endpoint,
        );
      }
      expect(seen.size).toBe(3);
    }
  });

  test("the subset is kept to", async () => {
    for (let i = 0; i < 5; i++) {
      const { text } = await post(gateway.origin("subset"), chat());
      expect(echoed(text).endpoint).toBe(addresses()[0]);
      const { body } = await request(`${gateway.origin("subset")}/v1/models`);
      expect(echoed(await body.text()).endpoint).toBe(addresses()[0]);
    }
  });

  test("a subset that holds none is answered 503, with and without body", async () => {
    const refused = await post(gateway.origin("no-subset"), chat());
    expect(refused.status).toBe(503);
    expect(refused.headers).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      "retry-after": "1",
      "x-llm-d-request-dropped-reason": "rejected-no-endpoints",
    });
    expect(JSON.parse(refused.text)).toMatchObject({ error: { code: "no_ready_endpoints" } });
    const models = await request(`${gateway.origin("no-subset")}/v1/models`);
    expect(models.statusCode).toBe(503);
    await models.body.dump();
  });

  test("bad bodies are answered at once, in OpenAI's shape", async () => {
    for (const listener of ["by-header", "buffered"]) {
      const { status, text } = await post(gateway.origin(listener), '{"model":');
      expect(status).toBe(400);
      expect(JSON.parse(text)).toMatchObject({ error: { code: "invalid_json" } });
    }
    const tooLarge = await post(gateway.origin("by-header"), Buffer.alloc(40_000_000, " "));
    // Envoy may hang up on what is still being sent.
    expect([413, 0]).toContain(tooLarge.status);
  });

  test.each(["by-header", "buffered"])(
    "%s: a compressed body arrives as it is",
    async (listener) => {
      const body = chat({ promptBytes: 200_000 });
      const headers = { "content-encoding": "gzip" };
      const { status, text } = await post(gateway.origin(listener), gzipSync(body), { headers });
      expect(status).toBe(200);
      expect(echoed(text)).toMatchObject({ bytes: body.length, sha: sha(body) });
    },
  );

  test("the streams of a filter that sends copies are taken, and ended at the end of the answer", async () => {
    const copies = async (metric: string) => {
      const { body } = await request(`http://${gateway.admin}/metrics`);
      const line = (await body.text()).split("\n").find((each) => each.startsWith(metric));
      return Number(line?.split(" ").at(-1) ?? 0);
    };
    const ended = 'umbra_streams_total{kind="observe",outcome="complete"}';
    const before = await copies(ended);
    const { status } = await post(gateway.origin("copies"), chat());
    expect(status).toBe(200);
    await until("the copies' stream is over", async () => (await copies(ended)) === before + 1);
    expect(await copies('umbra_open_streams{kind="observe"}')).toBe(0);
  });

  test("where the mode may be overridden, bodies come whole, and answers pass by", async () => {
    const modes = ["FULL_DUPLEX_STREAMED", "BUFFERED", "BUFFERED_PARTIAL", "STREAMED", "NONE"];
    const obliging = await startForeignGateway({
      pools: poolOf("llama", addresses()),
      serveFlags: ["--mode-override"],
      listeners: (modes as BodyMode[]).map((bodyMode) => ({
        name: bodyMode,
        cluster: "header",
        bodyMode,
        filter: { allow_mode_override: true },
      })),
    });
    try {
      for (const mode of modes) {
        const origin = obliging.origin(mode);
        for (const promptBytes of [10, 200_000]) {
          const body = chat({ promptBytes });
          const { status, text } = await post(origin, body, { headers: { "x-want": "much" } });
          expect(status).toBe(200);
          expect(echoed(text)).toMatchObject({ bytes: body.length, sha: sha(body) });
        }
        expect((await post(origin, '{"model":')).status).toBe(400);
        const models = await request(`${origin}/v1/models`);
        expect(models.statusCode).toBe(200);
        await models.body.dump();
        const counted = (stat: string) => obliging.stat(new RegExp(`ext_proc.${mode}.${stat}`));
        expect(await counted(".*(failed|spurious|timeouts)")).toBe(0);
        // Envoy overrides no full duplex.
        if (mode === "FULL_DUPLEX_STREAMED") continue;
        // Ten in all, three for each request that is served: two million bytes of answers would be many more.
        expect(await counted("stream_msgs_sent")).toBeLessThanOrEqual(10);
      }
    } finally {
      await obliging.stop();
    }
  }, 60_000);

  test("a gateway that retries on the next endpoint reports which endpoint has served", async () => {
    const [alive = ""] = addresses();
    const walking = await startForeignGateway({
      pools: `${poolOf("llama", [dead, alive])}---\n${poolOf("other", ["127.0.0.1:1"])}`,
      serveFlags: ["--pool", "inf/llama", "--fallbacks", "1"],
      listeners: [
        { name: "walking", cluster: "metadata", endpoints: [dead, alive], hasRetries: true },
      ],
    });
    try {
      for (let i = 0; i < 10; i++) {
        const { status, text } = await post(walking.origin("walking"), chat({ promptBytes: i }));
        expect(status).toBe(200);
        expect(echoed(text).endpoint).toBe(alive);
        expect(new Set(echoed(text).destination?.split(","))).toEqual(new Set([dead, alive]));
      }
    } finally {
      await walking.stop();
    }
  }, 60_000);
});
