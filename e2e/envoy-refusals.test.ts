import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { chat } from "./harness/client.ts";
import { type EchoServer, startEchoServer } from "./harness/echo-server.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { raw } from "./harness/raw.ts";
import { gatewayAndRoute, pool } from "./harness/resources.ts";

/** Ways into one Gateway, by hostname. */
const hosts = ["good", "dead", "garbage", "slow", "missing"] as const;
type Host = (typeof hosts)[number];

function routes(of: Readonly<Record<Exclude<Host, "missing">, string>>): string {
  const ref = (name: string) =>
    `{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}}`;
  const route = (host: Host) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${host}}
spec:
  parentRefs: [{name: gateway}]
  hostnames: [${host}.example]
  rules: [{backendRefs: [${ref(host)}]${host === "slow" ? ", timeouts: {request: 1s}" : ""}}]
`;
  const pools = Object.entries(of).map(([name, endpoints]) => pool(name, endpoints));
  const gateway = gatewayAndRoute.slice(0, gatewayAndRoute.indexOf("---\n"));
  return [gateway, ...hosts.map(route), ...pools, settings].join("");
}

const settings = `---
apiVersion: umbra.dev/v1alpha1
kind: EnvoySettings
metadata: {name: edge}
spec: {requestTimeout: 800ms, headersTimeout: 800ms, maxBody: 64Ki, maxHeaderSize: 8Ki, pickTimeout: 1s}
`;

interface Refused {
  readonly name: string;
  readonly bytes: (path: string) => string | Buffer;
  readonly status: number;
  readonly code: string;
  /** Of Anthropic's shape; absent where Envoy does not get to know the path. */
  readonly anthropicType?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
}

function request(host: string, more = "", body = chat()) {
  return (path: string) =>
    `POST ${path} HTTP/1.1\r\nHost: ${host}.example\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
}

const retry = { "retry-after": "1" };
const jsonType = { "content-type": "application/json; charset=utf-8" };

const refused: readonly Refused[] = [
  {
    name: "a header line that is none",
    bytes: (path) => `POST ${path} HTTP/1.1\r\nHost: good.example\r\nnonsense\r\n\r\n`,
    status: 400,
    code: "bad_request",
  },
  {
    name: "no Host header",
    bytes: (path) => `POST ${path} HTTP/1.1\r\nContent-Length: 0\r\n\r\n`,
    status: 400,
    code: "bad_request",
    anthropicType: "invalid_request_error",
  },
  {
    name: "a header with an underscore",
    bytes: request("good", "x_a: 1\r\n"),
    status: 400,
    code: "bad_request",
    anthropicType: "invalid_request_error",
  },
  {
    name: "an upgrade to websocket",
    bytes: request("good", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
    status: 403,
    code: "upgrade_not_supported",
    anthropicType: "permission_error",
  },
  {
    name: "an unknown host",
    bytes: request("nobody"),
    status: 404,
    code: "unknown_url",
    anthropicType: "not_found_error",
  },
  {
    name: "a body that stops half way",
    bytes: (path) => `POST ${path} HTTP/1.1\r\nHost: good.example\r\nContent-Length: 99\r\n\r\n{`,
    status: 408,
    code: "request_timeout",
    anthropicType: "invalid_request_error",
  },
  {
    name: "a body in chunks that is too large",
    bytes: (path) =>
      `POST ${path} HTTP/1.1\r\nHost: good.example\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n${"x".repeat(0x20000)}\r\n0\r\n\r\n`,
    status: 413,
    code: "request_too_large",
    anthropicType: "request_too_large",
  },
  {
    name: "headers that are too large",
    bytes: request("good", `X-Long: ${"v".repeat(9_000)}\r\n`),
    status: 431,
    code: "headers_too_large",
  },
  {
    name: "a transfer coding that Envoy does not know",
    bytes: (path) =>
      `POST ${path} HTTP/1.1\r\nHost: good.example\r\nTransfer-Encoding: xchunked\r\n\r\n`,
    status: 501,
    code: "unsupported_transfer_encoding",
  },
  {
    name: "several transfer codings",
    bytes: (path) =>
      `POST ${path} HTTP/1.1\r\nHost: good.example\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    status: 501,
    code: "unsupported_transfer_encoding",
  },
  {
    name: "a backend that is not in the resources",
    bytes: request("missing"),
    status: 500,
    code: "backend_not_resolved",
    anthropicType: "api_error",
  },
  {
    name: "a model server that does not speak HTTP",
    bytes: request("garbage"),
    status: 502,
    code: "upstream_protocol_error",
    anthropicType: "api_error",
  },
  {
    name: "a model server that is dead",
    bytes: request("dead"),
    status: 503,
    code: "upstream_unavailable",
    anthropicType: "overloaded_error",
    headers: retry,
  },
  {
    name: "a model server that is slower than the route's timeout",
    bytes: request("slow"),
    status: 504,
    code: "upstream_timeout",
    anthropicType: "timeout_error",
  },
];

describe("Envoy's own refusals", () => {
  let echo: EchoServer;
  let gateway: Gateway;
  const garbage = createServer((socket) => socket.end("SSH-2.0-nothing\r\n"));
  const silent = createServer(() => {});

  beforeAll(async () => {
    echo = await startEchoServer("good");
    await Promise.all(
      [garbage, silent].map(
        (each) => new Promise<void>((resolve) => each.listen(0, "127.0.0.1", resolve)),
      ),
    );
    const at = (each: typeof garbage) => `127.0.0.1:${(each.address() as AddressInfo).port}`;
    const answering = { good: echo.address, garbage: at(garbage), slow: at(silent) };
    gateway = await startGateway({ resources: routes({ ...answering, dead: "127.0.0.1:1" }) });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await echo?.close();
    garbage.close();
    silent.close();
  });

  test.each(refused)("$name is answered $status $code", async (each) => {
    const { status, headers, body } = await raw(gateway.origin, each.bytes("/v1/chat/completions"));
    expect([status, body]).toEqual([each.status, expect.stringContaining("error")]);
    expect(headers).toMatchObject({ ...jsonType, ...each.headers });
    expect(JSON.parse(body)).toEqual({
      error: {
        message: expect.any(String),
        type: expect.stringMatching(/^(invalid_request|server)_error$/),
        param: null,
        code: each.code,
      },
    });
  });

  test.each(refused.filter(({ anthropicType }) => anthropicType !== undefined))(
    "on /v1/messages $name has Anthropic's shape",
    async (each) => {
      const answer = await raw(gateway.origin, each.bytes("/v1/messages?beta=true"));
      expect(answer.status).toBe(each.status);
      expect(answer.headers).toMatchObject({ ...jsonType, ...each.headers });
      expect(JSON.parse(answer.body)).toEqual({
        type: "error",
        error: { type: each.anthropicType, message: expect.any(String) },
      });
    },
  );

  test("a HEAD has no body, and a type that is not taken for JSON", async () => {
    const { status, headers, body } = await raw(
      gateway.origin,
      "HEAD / HTTP/1.1\r\nHost: unknown.example\r\nConnection: close\r\n\r\n",
    );
    expect([status, headers["content-type"], body]).toEqual([404, jsonType["content-type"], ""]);
  });

  test("each that was read has the request's id", async () => {
    const read = refused.filter(
      ({ anthropicType, name }) => anthropicType !== undefined && name !== "no Host header",
    );
    const without: string[] = [];
    for (const each of read) {
      const { headers } = await raw(gateway.origin, each.bytes("/v1/chat/completions"));
      if (!/^[0-9a-f-]{36}$/.test(headers["x-request-id"] ?? "")) without.push(each.name);
    }
    expect(without).toEqual([]);
  }, 30_000);

  test("a documented header with an underscore passes, and reaches the endpoint", async () => {
    const before = echo.received.length;
    const bytes = request(
      "good",
      "session_id: s1\r\nConnection: close\r\n",
    )("/v1/chat/completions");
    expect((await raw(gateway.origin, bytes)).status).toBe(200);
    expect(echo.received[before]?.headers.session_id).toBe("s1");
  });

  test.each([
    { name: "with a Host header", host: "Host: good.example\r\n", status: 200 },
    { name: "without one, where no route serves `localhost`", host: "", status: 404 },
  ])("HTTP/1.0 is served $name", async ({ host, status }) => {
    const bytes = `POST /v1/chat/completions HTTP/1.0\r\n${host}Content-Type: application/json\r\nContent-Length: ${chat().length}\r\n\r\n${chat()}`;
    expect((await raw(gateway.origin, bytes)).status).toBe(status);
  });

  test("Envoy has logged no error", () => {
    expect(gateway.envoy.output()).not.toMatch(/\[(error|critical)\]/);
  });
});

/** An EnvoyProxy that changes the HTTP connection manager of the main listener. */
function patched(op: "add" | "remove", path: string, value = ""): string {
  return `---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: edge}
spec:
  bootstrap:
    type: JSONPatch
    jsonPatches:
      - op: ${op}
        path: /static_resources/listeners/0/filter_chains/0/filters/0/typed_config/${path}
${value}`;
}

/** A Gateway and a route to the pool `good`. */
function onePool(endpoint: string): string {
  const route =
    "spec: {parentRefs: [{name: gateway}], rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: good}]}]}\n";
  return gatewayAndRoute + route + pool("good", endpoint);
}

/** Of settings that only another bootstrap has. */
const withoutHttp10 = patched("remove", "http_protocol_options/accept_http_10");

describe("where an EnvoyProxy takes HTTP/1.0 away", () => {
  let echo: EchoServer;
  let gateway: Gateway;

  beforeAll(async () => {
    echo = await startEchoServer("good");
    gateway = await startGateway({ resources: onePool(echo.address) + withoutHttp10 });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await echo?.close();
  });

  test.each([
    {
      path: "/v1/chat/completions",
      want: { error: expect.objectContaining({ code: "http_version_not_supported" }) },
    },
    {
      path: "/v1/messages",
      want: {
        error: {
          message: "this gateway serves HTTP/1.1 and HTTP/2",
          type: "invalid_request_error",
          param: null,
          code: "http_version_not_supported",
        },
      },
    },
  ])(
    "$path is answered 426",
    async ({ path, want }) => {
      const { status, body } = await raw(
        gateway.origin,
        `POST ${path} HTTP/1.0\r\nHost: good.example\r\nContent-Length: 0\r\n\r\n`,
      );
      expect(status).toBe(426);
      expect(JSON.parse(body)).toEqual(want);
    },
    30_000,
  );
});

describe.each([
  { underscores: "Drop", other: undefined, status: 200 },
  { underscores: "Allow", other: "1", status: 200 },
])("with `underscores: $underscores`", ({ underscores, other, status }) => {
  test("documented headers and those that routes name pass, others follow the setting", async () => {
    const echo = await startEchoServer("good");
    const match = "matches: [{headers: [{name: my_team, value: a}]}]";
    const backend =
      "backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: good}]";
    const route = `spec: {parentRefs: [{name: gateway}], rules: [{${match}, ${backend}}]}\n`;
    const gateway = await startGateway({
      resources: gatewayAndRoute + route + pool("good", echo.address),
      renderFlags: ["--set", `underscores=${underscores}`],
    });
    try {
      const more = "session_id: s\r\nmy_team: a\r\nx_a: 1\r\nConnection: close\r\n";
      const answer = await raw(gateway.origin, request("good", more)("/v1/chat/completions"));
      expect(answer.status).toBe(status);
      // A route of all hosts serves HTTP/1.0 without a Host header too.
      const hostless = `POST /v1/completions HTTP/1.0\r\nmy_team: a\r\nContent-Length: ${chat().length}\r\n\r\n${chat()}`;
      expect((await raw(gateway.origin, hostless)).status).toBe(200);
      expect(echo.received.at(-1)?.host).toBe("localhost");
      const { session_id, my_team, x_a } = echo.received.at(-2)?.headers ?? {};
      expect({ session_id, my_team, x_a }).toEqual({ session_id: "s", my_team: "a", x_a: other });
    } finally {
      await gateway.stop();
      await echo.close();
    }
  }, 30_000);
});

const ownAuthFilter = patched(
  "add",
  "http_filters/0",
  `        value:
          name: own.auth
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
            default_source_code:
              inline_string: |
                function envoy_on_request(handle)
                  local status = handle:headers():get("x-refuse")
                  if status then handle:respond({[":status"] = status}, "no key") end
                end
`,
);

describe("where an EnvoyProxy adds a Lua filter that refuses", () => {
  let echo: EchoServer;
  let gateway: Gateway;

  beforeAll(async () => {
    echo = await startEchoServer("good");
    gateway = await startGateway({ resources: onePool(echo.address) + ownAuthFilter });
  }, 60_000);

  afterAll(async () => {
    await gateway?.stop();
    await echo?.close();
  });

  test.each([401, 400])("its reply with status %i stays as it is", async (status) => {
    for (const path of ["/v1/chat/completions", "/v1/messages"]) {
      const bytes = request("good", `x-refuse: ${status}\r\nx_a: 1\r\n`)(path);
      expect(await raw(gateway.origin, bytes)).toMatchObject({ status, body: "no key" });
    }
  });

  test("Umbra's own refusal has its code", async () => {
    const answer = await raw(gateway.origin, request("good", "x_a: 1\r\n")("/v1/chat/completions"));
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: "bad_request" } });
  });
});
