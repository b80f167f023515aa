import {
  directTopology,
  type Mirror,
  type MirrorSettings,
  type PickMode,
  type Pool,
  type Topology,
} from "@umbra/envoy-config";
import { defaultMirrorSettings } from "@umbra/envoy-config/internal";

/** One way to let a request through an Envoy. */
export interface Case {
  readonly name: string;
  readonly host: string;
  /** Whose Envoy it goes through. */
  readonly picker: "umbra" | "bare" | "peer";
  readonly mode: PickMode;
  /** No picker sees its requests. */
  readonly isUnseen: boolean;
  /** What no topology asks of an Envoy. */
  readonly edit?: BootstrapEdit;
  readonly mirror?: MirrorSettings & { readonly perMillion: number };
}

/**
 * `json`: Envoy reads the model from the body itself. `both ways`: requests and answers in FULL_DUPLEX_STREAMED.
 * `unretried`: a call to the picker that fails is not made again. `requests only`: a third-party picker gets requests in
 * FULL_DUPLEX_STREAMED and no answers. `buffered requests`: the same, with whole bodies. `unlogged`: the sidecar does not
 * learn how requests end.
 */
export type BootstrapEdit =
  | "json"
  | "both ways"
  | "unretried"
  | "requests only"
  | "buffered requests"
  | "unlogged";

export interface CaseOptions {
  readonly primary: readonly string[];
  /** None: nothing is mirrored. */
  readonly shadow: readonly string[];
  /** `host:port` of a third-party picker, where one is measured. */
  readonly peer: string | undefined;
  readonly isPeerBuffered: boolean;
}

export function casesOf({ shadow, peer, isPeerBuffered }: CaseOptions): readonly Case[] {
  const of = (picker: Case["picker"], mode: PickMode): Case => ({
    name: `${picker} ${mode}`,
    host: `${picker}-${mode}.example.com`,
    picker,
    mode,
    isUnseen: false,
  });
  /** As Envoy AI Gateway and the reference picker's own chart ask a picker. */
  const bothWays = (picker: Case["picker"]): Case => ({
    ...of(picker, "duplex"),
    name: `${picker} both ways`,
    host: `${picker}-both.example.com`,
    edit: "both ways",
  });
  const none = {
    ...of("umbra", "buffered"),
    name: "none",
    host: "none.example.com",
    isUnseen: true,
  };
  const mirroring = [
    { name: "not evaluated", perMillion: 0, observed: 0 },
    { name: "observed", perMillion: 0, observed: 100 },
    { name: "mirrored", perMillion: 1_000_000, observed: 100 },
  ].map(({ name, perMillion, observed }): Case => {
    const settings = defaultMirrorSettings(`bench/${name}`);
    return {
      ...of("umbra", "buffered"),
      name: `umbra ${name}`,
      host: `${name.replace(" ", "-")}.example.com`,
      mirror: {
        perMillion,
        ...settings,
        evaluation: { observeUnmirroredPercent: observed },
        policy: {
          ...settings.policy,
          // With the budget of a real evaluation mirroring would end in the middle of the run.
          budget: {
            ...settings.policy.budget,
            maxInFlight: 1_024,
            maxRequests: 1e9,
            maxBodyBytes: 33_554_432,
          },
        },
      },
    };
  });
  return [
    none,
    { ...none, name: "json_to_metadata", host: "json.example.com", edit: "json" },
    of("umbra", "headers"),
    of("umbra", "buffered"),
    {
      ...of("umbra", "buffered"),
      name: "umbra unretried",
      host: "once.example.com",
      edit: "unretried",
    },
    {
      ...of("umbra", "buffered"),
      name: "umbra unlogged",
      host: "unlogged.example.com",
      edit: "unlogged",
    },
    of("umbra", "duplex"),
    bothWays("umbra"),
    of("bare", "buffered"),
    of("bare", "duplex"),
    bothWays("bare"),
    ...(peer !== undefined && isPeerBuffered
      ? [{ ...of("peer", "buffered"), edit: "buffered requests" as const }]
      : []),
    // As rendered, a third-party picker gets requests and answers.
    ...(peer === undefined
      ? []
      : [
          { ...of("peer", "duplex"), edit: "requests only" as const },
          { ...of("peer", "duplex"), name: "peer both ways", host: "peer-both.example.com" },
        ]),
    ...(shadow.length > 0 ? mirroring : []),
  ];
}

/** What an Envoy needs for cases that can share one: a host, a route and a pool for each. */
export interface BenchGateway {
  readonly edit: BootstrapEdit | undefined;
  readonly cases: readonly Case[];
  readonly topology: Topology;
}

type GatewayOptions = Pick<CaseOptions, "primary" | "shadow" | "peer">;

/** The gateways that ask one picker, and the topology of all of them, which the picker is to know. */
export function gatewaysOf(
  cases: readonly Case[],
  lanes: GatewayOptions,
): { readonly gateways: readonly BenchGateway[]; readonly topology: Topology } {
  const gateways = [...Map.groupBy(cases, ({ edit }) => edit)].map(([edit, own]) => ({
    edit,
    cases: own,
    topology: gatewayOf(own, lanes),
  }));
  return { gateways, topology: gatewayOf(cases, lanes) };
}

function gatewayOf(cases: readonly Case[], { primary, shadow, peer }: GatewayOptions): Topology {
  const direct = directTopology({ primary, shadow, port: 0, bindAddress: "127.0.0.1" });
  const [listener] = direct.listeners;
  const route = listener?.virtualHosts[0]?.routes[0];
  const [ownPool, shadowPool] = direct.pools;
  if (listener === undefined || route === undefined || ownPool === undefined)
    throw new Error("unreachable");
  const pools = cases.map(
    ({ host, picker, mode, isUnseen }): Pool => ({
      ...ownPool,
      name: `bench/${host}`,
      // A request that no one picks for must show.
      failureMode: "FailClose",
      picker: isUnseen ? "none" : "umbra",
      // Asked through the filter of `--picker`: Umbra's own would health-check a service that it does not have.
      ...(picker === "peer" && peer !== undefined
        ? { picker: "external", externalPicker: { address: peer, isTls: false } }
        : {}),
      pickMode: mode,
      onlyModel: "m",
    }),
  );
  const mirrorOf = ({ host, mirror }: Case): readonly Mirror[] => {
    if (mirror === undefined || shadowPool === undefined) return [];
    const origin = { route: { namespace: "bench", name: host }, rule: 0, filter: 0 };
    const name = `bench/${host}/0/mirror/0`;
    return [{ name, origin, pool: shadowPool.name, pickMode: "buffered", ...mirror }];
  };
  const virtualHosts = cases.map((each) => {
    const { host, mode } = each;
    return {
      name: host,
      domains: [host],
      routes: [
        {
          ...route,
          name: `bench/${host}/0/0`,
          origin: { route: { namespace: "bench", name: host }, rule: 0, match: 0 },
          action: {
            kind: "forward" as const,
            backends: [{ kind: "pool" as const, pool: `bench/${host}`, weight: 1 }],
          },
          mirrors: mirrorOf(each).map(({ name }) => name),
          pickMode: mode,
        },
      ],
    };
  });
  return {
    ...direct,
    listeners: [{ ...listener, virtualHosts }],
    pools: [...pools, ...(shadowPool === undefined ? [] : [shadowPool])],
    mirrors: cases.flatMap(mirrorOf),
  };
}
