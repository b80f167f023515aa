import { Agent, request } from "undici";
import { type Echo, type EchoServer, startEchoServer } from "../harness/echo-server.ts";
import { startGateway } from "../harness/gateway.ts";
import { freePorts } from "../harness/ports.ts";

/** A resource, as its manifest has it. */
export type Resource = Readonly<Record<string, unknown>>;

/** A line of a table: a request, and what its client and the backend are to see of it. */
export interface Row {
  /** `METHOD host/path?query`. */
  readonly ask: string;
  readonly with?: Readonly<Record<string, string>>;
  /** 200 where it is not said. */
  readonly see: Partial<Outcome>;
  /** Headers that the backend must not get. */
  readonly lacks?: readonly string[];
}

export interface Outcome {
  readonly status: number;
  /** The backend that answered. */
  readonly from: string;
  /** As the backend got them. */
  readonly path: string;
  readonly host: string;
  readonly seen: Readonly<Record<string, unknown>>;
  /** Headers of the answer. */
  readonly answered: Readonly<Record<string, unknown>>;
  /** The answer's `location`, `PORT` for the listener's. */
  readonly location: string;
}

export interface EchoGateway {
  /** Sends the request of a row to the Gateway of this name. */
  ask(row: Pick<Row, "ask" | "with">, gateway?: string): Promise<Partial<Outcome>>;
  /** Sends one request many times, some at a time, each with a number in its query. Returns how often each backend or status answered. */
  shares(count: number, ask: string): Promise<ReadonlyMap<string, number>>;
  /** Requests that a backend got, by a text in their path. */
  received(backend: string, path: string): readonly Echo[];
  stop(): Promise<void>;
}

const api = "gateway.networking.k8s.io/v1";
const backends = ["v1", "v2", "v3"];
/** Many plain mirrors, whose copies may have the longest body: more than the default memory is for. */
const roomy = ["--set", "maxHeap=64Gi"];

/**
 * One Envoy, a sidecar, three echo servers behind the Services `v1`, `v2`, `v3` (port 8080) of the namespace `default`,
 * `v1-plain` and so on, which Envoy balances itself, `v1-trusted` and so on, whose copies keep credentials, and `v1` of the namespace `other`; the Gateway `gateway` has the listener `http` for every hostname.
 `flags` are those of `render` and `serve`. */
export async function startEchoGateway(
  resources: readonly Resource[],
  more: Readonly<Record<string, readonly Resource[]>> = {},
  flags: readonly string[] = [],
): Promise<EchoGateway> {
  const servers = await Promise.all(backends.map(startEchoServer));
  const gateways = { gateway: [{ name: "http" }], ...more };
  const names = Object.keys(gateways);
  const ports = await freePorts(names.length);
  const portOf = (name: string) => ports[names.indexOf(name)];
  const documents = [
    ...Object.entries(gateways).map(([name, listeners]) => ({
      apiVersion: api,
      kind: "Gateway",
      metadata: { name },
      spec: {
        gatewayClassName: "umbra",
        listeners: listeners.map((each) => ({ port: portOf(name), protocol: "HTTP", ...each })),
      },
    })),
    ...servers.map((server) => service("default", server.name, server)),
    ...servers.map((server) => service("default", `${server.name}-plain`, server, notPicked)),
    ...servers.map((server) => service("default", `${server.name}-trusted`, server, trusted)),
    ...servers.slice(0, 1).map((server) => service("other", server.name, server)),
    ...resources,
  ];
  const gateway = await startGateway({
    resources: documents.map((each) => JSON.stringify(each)).join("\n---\n"),
    httpPort: ports[0] ?? 0,
    ...{ renderFlags: [...roomy, ...flags], serveFlags: [...roomy, ...flags] },
  });
  const dispatcher = new Agent({ connections: 32 });
  const askAt: EchoGateway["ask"] = (row, name = "gateway") =>
    ask(portOf(name) ?? 0, row, dispatcher);
  return {
    ask: askAt,
    async shares(count, text) {
      const shares = new Map<string, number>();
      let next = 0;
      await Promise.all(
        Array.from({ length: 16 }, async () => {
          while (next < count) {
            const { status, from } = await askAt({ ask: `${text}?n=${next++}` });
            const who = from ?? String(status);
            shares.set(who, (shares.get(who) ?? 0) + 1);
          }
        }),
      );
      return shares;
    },
    received: (backend, path) =>
      servers
        .filter(({ name }) => name === backend)
        .flatMap(({ received }) => received.filter((each) => each.path.includes(path))),
    async stop() {
      await dispatcher.destroy();
      await gateway.stop();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

/** An HTTPRoute of the Gateway `gateway` for the hostname `<name>.test`; rules as its manifest has them. */
export function httpRoute(name: string, ...rules: readonly Resource[]): Resource {
  return httpRouteOf({ name }, ...rules);
}

export interface RouteOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly hostnames?: readonly string[];
  readonly parentRefs?: readonly Resource[];
}

export function httpRouteOf(
  {
    name,
    namespace = "default",
    hostnames = [`${name}.test`],
    parentRefs = [{ name: "gateway" }],
  }: RouteOptions,
  ...rules: readonly Resource[]
): Resource {
  return {
    apiVersion: api,
    kind: "HTTPRoute",
    metadata: { name, namespace },
    spec: { parentRefs, hostnames, rules },
  };
}

/** `backendRefs` of a Service. */
export function to(name: string, more: Resource = {}): { readonly backendRefs: Resource[] } {
  return { backendRefs: [{ name, port: 8080, ...more }] };
}

/** Whether a count is within five standard deviations of what so many draws of a share give. */
export function isLikely(count: number, draws: number, share: number): boolean {
  return Math.abs(count - draws * share) <= 5 * Math.sqrt(draws * share * (1 - share));
}

/** How a row is called. */
export function titleOf({ ask: text, with: headers, see }: Row): string {
  return `${text}${headers === undefined ? "" : ` with ${JSON.stringify(headers)}`} → ${JSON.stringify(see)}`;
}

const trusted = { "umbra.dev/mirror-credentials": "keep" };
const notPicked = { "umbra.dev/picker": "none" };

function service(
  namespace: string,
  name: string,
  { address }: EchoServer,
  annotations: Readonly<Record<string, string>> = {},
): Resource {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name, annotations: { "umbra.dev/endpoints": address, ...annotations } },
    spec: { ports: [{ port: 8080 }] },
  };
}

async function ask(
  port: number,
  { ask: text, with: headers = {} }: Pick<Row, "ask" | "with">,
  dispatcher: Agent,
): Promise<Partial<Outcome>> {
  const [, method = "", host, path = ""] = /^(\S+) ([^/]+)(\/.*)$/.exec(text) ?? [];
  const {
    statusCode,
    headers: answered,
    body,
  } = await request(`http://127.0.0.1:${port}${path}`, {
    method: method as "GET",
    headers: { host, ...headers },
    dispatcher,
  });
  const echo = await body.text();
  const location = String(answered.location).replace(`:${port}`, ":PORT");
  if (!echo.startsWith('{"from"')) return { status: statusCode, answered, location };
  const { from, path: seenPath, host: seenHost, headers: seen } = JSON.parse(echo) as Echo;
  return { status: statusCode, answered, from, path: seenPath, host: seenHost, seen };
}
