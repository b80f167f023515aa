import fc from "fast-check";

/**
 * Resources of every kind that ends up in a bootstrap, as manifests. Most values are what users write, some are what
 * nobody should: a name with a quote, a path with a space, the largest weight.
 */
export function randomResources(certificate: object): fc.Arbitrary<readonly object[]> {
  return fc
    .record({
      gateways: gateways(),
      routes: fc.uniqueArray(route(), { maxLength: 8, selector: nameOf }),
      pools: fc.tuple(...poolNames.map(pool)),
      services: fc.tuple(...serviceNames.map(service)),
    })
    .map((all) => [certificate, ...all.gateways, ...all.routes, ...all.pools, ...all.services]);
}

/** Options of the renderer that resources know nothing of. */
export const randomOptions = fc.record(
  {
    sidecar: fc.constantFrom(
      "127.0.0.1:9002",
      "sidecar.local:9002",
      "unix:/run/umbra.sock",
      "[::1]:9002",
    ),
    maxBodyBytes: fc.constantFrom(1, 65_536, 33_554_432, 2 ** 32 - 1),
    pickTimeoutMs: fc.integer({ min: 1, max: 600_000 }),
    shadowTimeoutMs: fc.integer({ min: 1, max: 3_600_000 }),
    maxShadowRequests: fc.integer({ min: 1, max: 65_536 }),
    observe: fc.boolean(),
    plainMirror: fc.boolean(),
  },
  { requiredKeys: [] },
);

const poolNames = ["pool-a", "pool-b", "pool-c"];
const serviceNames = ["svc-a", "svc-b"];

/** Now and then a text that is none of the usual ones. */
function oddly(...usual: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 300, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.string({ unit: "grapheme-ascii", maxLength: 12 }) },
    { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 6 }) },
  );
}

/** The usual path, and something after it. */
function path(): fc.Arbitrary<string> {
  const tail = fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom("", "/", "/v1", "/v1/chat", "/a.b~c", "/%20") },
    { weight: 1, arbitrary: fc.string({ unit: "grapheme-ascii", maxLength: 6 }) },
  );
  return fc
    .tuple(fc.constantFrom("/", "/x", "/v1", "/chat/completions"), tail)
    .map((parts) => parts.join("").replaceAll("//", "/"));
}

function hostname(): fc.Arbitrary<string> {
  return oddly("a.test", "*.a.test", "b.a.test", "Chat.Test", "*.test", "x-1.b.a.test");
}

/** Listeners of two Gateways, of which no two have a port and a hostname in common. */
function gateways(): fc.Arbitrary<readonly object[]> {
  const listener = fc.record(
    {
      gateway: fc.constantFrom("gateway", "other"),
      port: fc.integer({ min: 1024, max: 1027 }),
      hostname: hostname(),
    },
    { requiredKeys: ["gateway", "port"] },
  );
  return fc
    .uniqueArray(listener, {
      minLength: 1,
      maxLength: 6,
      selector: ({ port, hostname: name }) => `${port} ${name?.toLowerCase()}`,
    })
    .map((listeners) =>
      ["gateway", "other"].map((name) => ({
        apiVersion: "gateway.networking.k8s.io/v1",
        kind: "Gateway",
        metadata: { name },
        spec: {
          gatewayClassName: "umbra",
          listeners: listeners.flatMap(({ gateway, ...own }, index) =>
            gateway === name ? [listenerOf(own, `l${index}`)] : [],
          ),
        },
      })),
    );
}

/** The last two ports are for HTTPS. */
function listenerOf(
  { port, hostname: name }: { readonly port: number; readonly hostname?: string },
  listener: string,
): object {
  const isTls = port > 1025;
  return {
    ...{ name: listener, port, protocol: isTls ? "HTTPS" : "HTTP", hostname: name },
    allowedRoutes: { namespaces: { from: "All" } },
    ...(isTls ? { tls: { certificateRefs: [{ name: "certificate" }] } } : {}),
  };
}

function route(): fc.Arbitrary<{ readonly metadata: { readonly name: string } }> {
  return fc
    .record({
      name: oddly("r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"),
      parentRefs: fc.array(fc.record({ name: fc.constantFrom("gateway", "other") }), {
        minLength: 1,
        maxLength: 2,
      }),
      hostnames: fc.array(hostname(), { maxLength: 3 }),
      rules: fc.array(rule(), { minLength: 1, maxLength: 4 }),
    })
    .map(({ name, ...spec }) => ({
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name },
      spec,
    }));
}

function rule(): fc.Arbitrary<object> {
  const common = { matches: fc.array(match(), { maxLength: 3 }), timeouts: timeouts() };
  const serve = fc.record(
    {
      ...common,
      filters: fc
        .record({ own: filters(), mirrors: fc.array(mirror(), { maxLength: 3 }) })
        .map(({ own, mirrors }) => [...own, ...mirrors]),
      backendRefs: fc.array(backendRef(), { maxLength: 4 }),
      retry: retry(),
      sessionPersistence: sessionPersistence(),
    },
    { requiredKeys: ["backendRefs"] },
  );
  const redirect = fc.record(
    { ...common, filters: redirectFilter().map((each) => [each]) },
    { requiredKeys: ["filters"] },
  );
  return fc
    .oneof({ weight: 6, arbitrary: serve }, { weight: 1, arbitrary: redirect })
    .map((each) => (JSON.stringify(each).includes("ReplacePrefixMatch") ? byPrefix(each) : each));
}

/** Only what matches by prefix has a prefix to replace. */
function byPrefix(from: { readonly matches?: readonly object[] }): object {
  return {
    ...from,
    matches: (from.matches ?? []).map((each) => ({
      ...each,
      path: { type: "PathPrefix", value: "/v1" },
    })),
  };
}

function match(): fc.Arbitrary<object> {
  const regex = oddly("/v[0-9]+", "/.*", "a|b", "\\d{1,3}", "(?i)x");
  const values = (...names: readonly string[]) =>
    fc.array(
      fc.oneof(
        fc.record({ name: oddly(...names), value: oddly("1", "two words", "%REQ(x)%", "yes") }),
        fc.record({
          type: fc.constant("RegularExpression"),
          name: oddly(...names),
          value: fc.constantFrom("[0-9]+", "a|b", ".*"),
        }),
      ),
      { maxLength: 3 },
    );
  return fc.record(
    {
      path: fc.oneof(
        {
          weight: 5,
          arbitrary: fc.record({ type: fc.constantFrom("Exact", "PathPrefix"), value: path() }),
        },
        {
          weight: 1,
          arbitrary: fc.record({ type: fc.constant("RegularExpression"), value: regex }),
        },
      ),
      method: fc.constantFrom("GET", "POST", "OPTIONS"),
      headers: values("x-a", "X-B", "content-type", "host"),
      queryParams: values("a", "B", "c-d"),
    },
    { requiredKeys: [] },
  );
}

function headerModifier(): fc.Arbitrary<object> {
  const name = oddly("X-A", "x-b", "n", "Authorization", "content-type", "user-agent");
  const entries = fc.array(
    fc.record({ name, value: oddly("1", "two words", "off", "100% sure", "%REQ(host)%", '"q"') }),
    { maxLength: 3 },
  );
  return fc.record(
    { set: entries, add: entries, remove: fc.array(name, { maxLength: 2 }) },
    { requiredKeys: [] },
  );
}

function pathModifier(): fc.Arbitrary<object> {
  return fc.oneof(
    fc.record({ type: fc.constant("ReplaceFullPath"), replaceFullPath: path() }),
    fc.record({ type: fc.constant("ReplacePrefixMatch"), replacePrefixMatch: path() }),
  );
}

/** Filters of a rule that may be used together. */
function filters(): fc.Arbitrary<object[]> {
  const rewrite = fc.record(
    { hostname: oddly("new.test", "x.y.test"), path: pathModifier() },
    { requiredKeys: [] },
  );
  return fc
    .record(
      { request: headerModifier(), response: headerModifier(), rewrite, origins: cors() },
      { requiredKeys: [] },
    )
    .map(({ request, response, rewrite: to, origins }) => [
      ...(request === undefined
        ? []
        : [{ type: "RequestHeaderModifier", requestHeaderModifier: request }]),
      ...(response === undefined
        ? []
        : [{ type: "ResponseHeaderModifier", responseHeaderModifier: response }]),
      ...(to === undefined ? [] : [{ type: "URLRewrite", urlRewrite: to }]),
      ...(origins === undefined ? [] : [{ type: "CORS", cors: origins }]),
    ]);
}

function cors(): fc.Arbitrary<object> {
  return fc.record(
    {
      allowOrigins: fc.constantFrom(["*"], ["https://chat.test", "https://*.test:8443"]),
      allowMethods: fc.constantFrom(["*"], ["GET", "POST"]),
      allowHeaders: fc.constantFrom(["*"], ["Authorization", "X-A"]),
      exposeHeaders: fc.constant(["X-Request-Id"]),
      maxAge: fc.constantFrom(1, 600),
    },
    { requiredKeys: ["allowOrigins"] },
  );
}

function sessionPersistence(): fc.Arbitrary<object> {
  return fc.oneof(
    fc.constant({}),
    fc.constant({
      sessionName: "chat",
      absoluteTimeout: "1h",
      cookieConfig: { lifetimeType: "Permanent" },
    }),
    fc.constant({ sessionName: "X-Chat", type: "Header", absoluteTimeout: "1h" }),
  );
}

function redirectFilter(): fc.Arbitrary<object> {
  return fc
    .record(
      {
        scheme: fc.constantFrom("http", "https"),
        hostname: oddly("new.test"),
        port: fc.constantFrom(80, 443, 8443, 65_535),
        path: pathModifier(),
        statusCode: fc.constantFrom(301, 302, 303, 307, 308),
      },
      { requiredKeys: [] },
    )
    .map((requestRedirect) => ({ type: "RequestRedirect", requestRedirect }));
}

function target(): fc.Arbitrary<object> {
  return fc.oneof(
    fc.constantFrom(...poolNames, "gone").map((name) => ({
      ...{ group: "inference.networking.k8s.io", kind: "InferencePool", name },
    })),
    fc.constantFrom(...serviceNames, "gone").map((name) => ({ name, port: 80 })),
  );
}

function mirror(): fc.Arbitrary<object> {
  const share = fc.oneof(
    fc.constant({}),
    fc.record({ percent: fc.integer({ min: 0, max: 100 }) }),
    fc
      .tuple(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([denominator, part]) => ({
        fraction: { numerator: Math.floor(denominator * part), denominator },
      })),
  );
  return fc.tuple(target(), share).map(([backendRef, some]) => ({
    ...{ type: "RequestMirror", requestMirror: { backendRef, ...some } },
  }));
}

function backendRef(): fc.Arbitrary<object> {
  const own = fc.record(
    {
      weight: fc.constantFrom(0, 1, 7, 1_000_000),
      filters: ownFilters(),
    },
    { requiredKeys: [] },
  );
  return fc.tuple(target(), own).map(([ref, more]) => ({ ...ref, ...more }));
}

/** Filters of one backend that may be used together: a redirect is by itself. */
function ownFilters(): fc.Arbitrary<object[]> {
  const others = filters().map((all) => all.filter((each) => !("cors" in each)));
  const serving = fc
    .tuple(others, fc.array(mirror(), { maxLength: 2 }))
    .map(([own, mirrors]) => [...own, ...mirrors]);
  return fc.oneof(
    { weight: 4, arbitrary: serving },
    { weight: 1, arbitrary: redirectFilter().map((each) => [each]) },
  );
}

function timeouts(): fc.Arbitrary<object> {
  return fc.oneof(
    fc.record({ request: fc.constantFrom("0s", "1ms", "10s", "1h30m", "99999h") }),
    fc.constant({ request: "10s", backendRequest: "1s" }),
    fc.record({ backendRequest: fc.constantFrom("0s", "1ms", "2m") }),
  );
}

function retry(): fc.Arbitrary<object> {
  return fc.record(
    {
      codes: fc.array(fc.constantFrom(400, 429, 500, 503, 599), { maxLength: 3 }),
      attempts: fc.constantFrom(0, 1, 3, 2 ** 31 - 1),
      backoff: fc.constantFrom("1ms", "25ms", "10s", "1h"),
    },
    { requiredKeys: [] },
  );
}

const endpoints = fc.constantFrom(
  ...[
    "10.0.0.1:8000",
    "10.0.0.1:8000,10.0.0.2:8001",
    "[::1]:8000,[fd00::2]:1",
    "255.255.255.255:65535",
  ],
);

function pool(name: string): fc.Arbitrary<object> {
  const annotations = fc.record(
    {
      "umbra.dev/endpoints": endpoints,
      "umbra.dev/pick-mode": fc.constantFrom("buffered", "duplex"),
    },
    { requiredKeys: [] },
  );
  return fc
    .record({
      annotations,
      failureMode: fc.constantFrom("FailOpen", "FailClose"),
      appProtocol: fc.constantFrom("http", "kubernetes.io/h2c"),
    })
    .map(({ annotations: own, failureMode, appProtocol }) => ({
      apiVersion: "inference.networking.k8s.io/v1",
      kind: "InferencePool",
      metadata: { name, annotations: own },
      spec: {
        selector: { matchLabels: { app: name } },
        targetPorts: [{ number: 8000 }],
        appProtocol,
        endpointPickerRef: { name: "umbra", port: { number: 9002 }, failureMode },
      },
    }));
}

function service(name: string): fc.Arbitrary<object> {
  return fc
    .record(
      {
        annotations: fc.record(
          { "umbra.dev/endpoints": endpoints, "umbra.dev/picker": fc.constant("none") },
          { requiredKeys: ["umbra.dev/endpoints"] },
        ),
        appProtocol: fc.constantFrom("http", "kubernetes.io/h2c"),
      },
      { requiredKeys: [] },
    )
    .map(({ annotations, appProtocol }) => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, annotations },
      spec: { ports: [{ port: 80, targetPort: 8000, appProtocol }] },
    }));
}

function nameOf({ metadata }: { readonly metadata: { readonly name: string } }): string {
  return metadata.name;
}
