import {
  type AdsProtocol,
  type Certificate,
  type DynamicResources,
  readTopology,
  renderResources,
  type Topology,
} from "@umbra/envoy-config";
import type { AdsObserver, ClientState, Snapshot } from "@umbra/xds";
import { request } from "undici";
import {
  type AdminEnvoy,
  type AdsHarness,
  adsBootstrap,
  encoded,
  startAds,
  startEnvoy,
} from "./ads.ts";
import { freePorts } from "./ports.ts";
import { until } from "./until.ts";

/** Resources as YAML, and what is changed in them after they were rendered: for faults that no resource has. */
export interface Applied {
  readonly yaml: string;
  readonly edit?: (resources: DynamicResources) => DynamicResources;
}

export interface AdsGatewayOptions {
  readonly protocol: AdsProtocol;
  readonly observer?: AdsObserver;
  /** True: `startEnvoy` starts it. */
  readonly isEnvoyLater?: boolean;
}

/** An ADS server in this process, and an Envoy that it feeds; nothing is served before the first `apply`. */
export interface AdsGateway {
  readonly ads: AdsHarness;
  readonly envoy: () => AdminEnvoy;
  /** Free ports, for listeners. */
  readonly port: number;
  readonly otherPort: number;
  readonly origin: string;
  apply(applied: Applied): void;
  /** Gives a server that was started again the newest configuration. */
  applyAgain(): void;
  startEnvoy(): Promise<void>;
  client(): ClientState | undefined;
  upToDate(): Promise<void>;
  /** Status and text of an answer. */
  get(path?: string): Promise<readonly [number, string]>;
  stop(): Promise<void>;
}

export async function startAdsGateway(options: AdsGatewayOptions): Promise<AdsGateway> {
  const { protocol, observer = {}, isEnvoyLater = false } = options;
  const ads = await startAds(observer);
  const [port = 0, otherPort = 0] = await freePorts(2);
  const origin = `http://127.0.0.1:${port}`;
  let envoy: AdminEnvoy | undefined;
  let held: Snapshot | undefined;
  const gateway: AdsGateway = {
    ...{ ads, port, otherPort, origin },
    envoy() {
      if (envoy === undefined) throw new Error("Envoy is not started");
      return envoy;
    },
    apply({ yaml, edit = (resources) => resources }) {
      const { topology, certificates } = read(yaml);
      held = encoded(edit(renderResources(topology, { certificates })), held);
      ads.ads.update(held);
    },
    applyAgain() {
      if (held !== undefined) ads.ads.update(held);
    },
    async startEnvoy() {
      const { topology } = read(plainWorld({ port, services: {}, routes: {} }));
      envoy = await startEnvoy(ads.folder, "ads", adsBootstrap(topology, ads.socket, protocol));
    },
    client: () => ads.ads.clients[0],
    upToDate: () => until("Envoy has taken it all", () => gateway.client()?.isUpToDate === true),
    async get(path = "/") {
      // A connection of its own: Envoy ends the kept ones of a replaced listener when its drain time is over.
      const { statusCode, body } = await request(`${origin}${path}`, { reset: true });
      return [statusCode, await body.text()];
    },
    async stop() {
      await envoy?.stop();
      await ads.close();
    },
  };
  if (!isEnvoyLater) await gateway.startEnvoy();
  return gateway;
}

function read(yaml: string): {
  readonly topology: Topology;
  readonly certificates: ReadonlyMap<string, Certificate>;
} {
  const files = [{ name: "world.yaml", text: yaml }];
  const { topology, certificates, diagnostics } = readTopology(files, { bindAddress: "127.0.0.1" });
  const wrong = diagnostics.find(({ severity }) => severity === "error");
  if (wrong !== undefined) throw new Error(JSON.stringify(wrong));
  return { topology, certificates };
}

export interface PlainWorld {
  readonly port: number;
  /** Endpoints by Service; Envoy balances over them itself. */
  readonly services: Readonly<Record<string, readonly string[]>>;
  /** Services by path prefix. */
  readonly routes: Readonly<Record<string, string>>;
}

/** A Gateway with one listener called `http`, one HTTPRoute, and Services that no picker serves. */
export function plainWorld({ port, services, routes }: PlainWorld): string {
  const rules = Object.entries(routes).map(
    ([path, service]) =>
      `    - {matches: [{path: {type: PathPrefix, value: "${path}"}}], backendRefs: [{name: ${service}, port: 80}]}\n`,
  );
  const route = `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  rules:
${rules.join("")}`;
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec: {gatewayClassName: umbra, listeners: [{name: http, port: ${port}, protocol: HTTP}]}
${rules.length === 0 ? "" : route}${Object.entries(services).map(serviceText).join("")}`;
}

function serviceText([name, endpoints]: readonly [string, readonly string[]]): string {
  return `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, annotations: {umbra.dev/endpoints: "${endpoints.join(",")}", umbra.dev/picker: none}}
spec: {ports: [{port: 80}]}
`;
}

/** Changes one resource's JSON text. */
export function edited<T>(
  resources: ReadonlyMap<string, T>,
  name: string,
  edit: (text: string) => string,
): ReadonlyMap<string, T> {
  const held = resources.get(name);
  if (held === undefined) throw new Error(`there is no ${name}: ${[...resources.keys()].join()}`);
  return new Map([...resources, [name, JSON.parse(edit(JSON.stringify(held))) as T]]);
}

/** Leaves one resource out. */
export function without<T>(
  resources: ReadonlyMap<string, T>,
  name: string,
): ReadonlyMap<string, T> {
  if (!resources.has(name)) throw new Error(`there is no ${name}: ${[...resources.keys()].join()}`);
  return new Map([...resources].filter(([each]) => each !== name));
}

/** Counters that move when Envoy changes a cluster or a listener in place. */
export async function changesOf(envoy: AdminEnvoy): Promise<readonly number[]> {
  const names = [
    "cluster_manager.cluster_modified",
    "listener_manager.listener_modified",
    "listener_manager.listener_in_place_updated",
  ];
  return Promise.all(names.map((name) => envoy.stat(name)));
}
