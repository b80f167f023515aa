import type { EnvoySettings } from "../envoy-settings.ts";
import type { MirrorPolicy, MirrorSettings } from "../mirror-policy.ts";
import type { ResourceRef } from "../resource-ref.ts";
import type {
  BackendFilters,
  BootstrapChange,
  CorsPolicy,
  HeaderModifier,
  ModelRewrite,
  Route,
  RouteMatch,
  UrlRewrite,
} from "../topology.ts";
import type { Breakable, LabelRequirement, Meta } from "./meta.ts";
import type { Place } from "./report.ts";
import type { UnreadResource } from "./unread-resource.ts";

/** A reference to another resource. */
export interface ObjectRef {
  /** Empty for the core group. */
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly place: Place;
}

/** `gateway.networking.k8s.io` GatewayClass. */
export interface GatewayClass extends Meta {
  /** The controller of its Gateways. */
  readonly controllerName: string;
}

export interface Gateway extends Meta {
  /** Name of its GatewayClass; empty if it has none. */
  readonly className: string;
  /** The addresses that it asks for. */
  readonly addresses: readonly GatewayAddress[];
  /** The IP addresses in its status: those that it has, if its controller gave it any. */
  readonly heldAddresses: readonly string[];
  readonly listeners: readonly GatewayListener[];
  /** Names of listeners whose protocol is not supported. */
  readonly otherListeners: readonly string[];
}

export interface GatewayAddress {
  /** `IPAddress`, `Hostname`, or a type of a controller's own. */
  readonly type: string;
  /** Absent: any address. */
  readonly value?: string;
  readonly place: Place;
}

export interface GatewayListener extends Breakable {
  readonly name: string;
  readonly port: number;
  readonly hostname: string | undefined;
  readonly namespaces: RouteNamespaces;
  /** False if `allowedRoutes` lists only other kinds. */
  readonly takesHttpRoutes: boolean;
  /** Absent: plain HTTP. */
  readonly tls?: ListenerTls;
  readonly place: Place;
}

/** The namespaces whose routes a listener accepts. */
export type RouteNamespaces =
  | { readonly from: "All" | "Same" | "None" }
  | { readonly from: "Selector"; readonly selector: readonly LabelRequirement[] };

export interface ListenerTls {
  readonly certificates: readonly CertificateRef[];
}

export interface CertificateRef extends ObjectRef {
  readonly namespace: string | undefined;
}

/** The TLS content of a Secret, decoded. */
export interface Secret extends Meta {
  readonly certificate: string | undefined;
  readonly privateKey: string | undefined;
  /** CA certificates. */
  readonly authority: string | undefined;
}

/** A ConfigMap, or chart values. The name is empty if it has none. */
export interface ConfigMap extends ResourceRef {
  readonly data: ReadonlyMap<string, string>;
  readonly place: Place;
  /** Returns the place of one of its texts. */
  placeOf(key: string): Place;
}

/** A Deployment of the reference endpoint picker, with its configuration. */
export interface PickerDeployment extends ResourceRef {
  /** Absent: every pool of the namespace. */
  readonly pool: ResourceRef | undefined;
  /** ConfigMaps that it mounts; empty if unknown. */
  readonly configMaps: readonly string[];
  /** Name of the file with the configuration, without its folder. */
  readonly configFile?: string;
  readonly configText?: string;
  readonly place: Place;
}

/** `gateway.networking.k8s.io` BackendTLSPolicy. */
export interface BackendTlsPolicy extends Meta {
  readonly targets: readonly (ObjectRef & {
    /** Name of a Service's port. */
    readonly sectionName: string | undefined;
  })[];
  readonly hostname: string;
  /** References to CA certificates. Absent: the system's CA certificates. */
  readonly authorities?: readonly ObjectRef[];
}

export interface InferencePool extends Meta {
  readonly group: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly targetPorts: readonly number[];
  readonly failureMode: "FailOpen" | "FailClose";
  readonly protocol: "http1" | "h2c";
  /** The endpoint picker that the pool refers to. */
  readonly pickerRef: PickerRef | undefined;
}

export interface PickerRef extends ObjectRef {
  /** Port of the Service. */
  readonly port: number;
}

export interface InferenceModel extends Meta {
  readonly modelName: string;
  readonly criticality: "Critical" | "Standard" | "Sheddable";
  readonly pool: string;
  readonly targets: ModelRewrite["targets"];
}

export interface InferenceObjective extends Meta {
  readonly pool: string;
  readonly priority: number;
}

export interface InferenceModelRewrite extends Meta {
  readonly pool: string;
  /** In order. */
  readonly rules: readonly Pick<ModelRewrite, "model" | "targets">[];
}

/** The reference endpoint picker's configuration. Without metadata, it applies to every pool. */
export interface PickerConfigResource {
  readonly pool: ResourceRef | undefined;
  /** The unchecked content. */
  readonly value: unknown;
  readonly place: Place;
  /** Returns the place of a part of it. */
  placeOf(path: readonly (string | number)[]): Place;
}

export interface Service extends Meta {
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
  /** Its DNS name resolves to the Pods themselves, whose ports are the target ports. */
  readonly isHeadless: boolean;
  /** True: it is only another name for a host, of type ExternalName. */
  readonly isExternalName: boolean;
  /** The IP version of endpoints that have an address of each. */
  readonly ipVersion: 4 | 6;
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  /** A number, or the name of a container port. Absent: the same as `port`. */
  readonly targetPort?: number | string;
  readonly protocol: "http1" | "h2c";
  /** True if its `appProtocol` uses TLS. */
  readonly isTls?: true;
  /** True if its `appProtocol` rules out TLS. */
  readonly isCleartext?: true;
  /** True if its `appProtocol` is WebSocket: requests may be upgraded. */
  readonly isWebSocket?: true;
  readonly place: Place;
}

export interface Pod extends Meta {
  readonly ip: string | undefined;
  /** True if it is Ready and not terminating. */
  readonly isReady: boolean;
  /** True if it is terminating but still Ready. */
  readonly isDraining: boolean;
  /** TCP ports of its containers, by name. */
  readonly ports: ReadonlyMap<string, number>;
}

export interface EndpointSlice extends Meta {
  readonly endpoints: readonly {
    readonly address: string;
    /** False: it is terminating but still serves. */
    readonly isReady: boolean;
    /** Its Pod; absent if it has none, or none is named. */
    readonly pod?: string;
  }[];
  readonly ports: readonly { readonly name: string; readonly port: number }[];
}

export interface ReferenceGrant extends Meta {
  readonly from: readonly {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
  }[];
  readonly to: readonly {
    readonly group: string;
    readonly kind: string;
    /** Undefined: every resource of the kind. */
    readonly name: string | undefined;
  }[];
}

export interface Deployment extends Meta {
  readonly replicas: number;
  readonly podLabels: Readonly<Record<string, string>>;
  readonly args: readonly string[];
}

export interface ShadowPolicy
  extends Meta,
    Omit<MirrorSettings, "role" | "policy">,
    Omit<MirrorPolicy, "name"> {
  readonly targets: readonly PolicyTarget[];
  /** Undefined: every mirror of the rule. */
  readonly candidates: readonly PolicyCandidate[] | undefined;
  /** 0 to 100; undefined: the HTTPRoute's own share. */
  readonly percent: number | undefined;
}

/** `umbra.dev/v1alpha1` EnvoySettings. Contains only the given settings. */
export interface EnvoySettingsResource extends Meta {
  readonly settings: Partial<EnvoySettings>;
}

/** `gateway.envoyproxy.io/v1alpha1` EnvoyProxy. Contains only the supported parts. */
export interface EnvoyProxy extends Meta {
  readonly change?: BootstrapChange;
  /** Places of a patch's operations. */
  readonly operationPlaces?: readonly Place[];
}

/** The reference of a Gateway or its class to an EnvoyProxy. */
export interface ParametersRef extends ResourceRef {
  readonly by: "Gateway" | "GatewayClass";
  readonly place: Place;
}

/** An HTTPRoute in the policy's namespace. */
export interface PolicyTarget extends ObjectRef {
  /** A named rule. */
  readonly sectionName: string | undefined;
}

export interface PolicyCandidate extends ObjectRef {
  readonly namespace: string;
  readonly port: number | undefined;
  readonly role: MirrorSettings["role"];
  /** Of a control: how many of the mirrored requests it also gets, 0.1 to 100; undefined: all of them. */
  readonly percent: number | undefined;
}

export interface HttpRoute extends Meta {
  readonly parents: readonly ParentRef[];
  readonly hostnames: readonly string[];
  readonly rules: readonly RouteRule[];
}

export interface ParentRef extends ObjectRef {
  readonly namespace: string;
  /** The namespace, if the route names it. */
  readonly givenNamespace: string | undefined;
  readonly sectionName: string | undefined;
  readonly port: number | undefined;
}

/** The filters of a rule, or of one of its backends. */
export interface Filters {
  readonly requestHeaders: HeaderModifier;
  readonly responseHeaders: HeaderModifier;
  readonly rewrite: UrlRewrite | undefined;
  readonly redirect: RedirectFilter | undefined;
  readonly mirrors: readonly MirrorFilter[];
  readonly cors?: CorsPolicy;
}

/** A rule. If it is broken, it answers 500. */
export interface RouteRule
  extends Filters,
    Breakable,
    Pick<Route, "timeoutMs" | "backendTimeoutMs" | "retry"> {
  readonly place: Place;
  readonly name: string | undefined;
  readonly matches: readonly RouteMatch[];
  /** True if a match has an error. It may be wider than it was meant to be, so the rule gets no requests. */
  readonly hasBrokenMatch: boolean;
  /** The place of each match; without matches, the place of the rule. */
  readonly matchPlaces: readonly Place[];
  readonly backends: readonly RuleBackend[];
  readonly session?: SessionPersistence;
}

export interface SessionPersistence {
  readonly kind: "cookie" | "header";
  readonly name: string | undefined;
  /** A cookie that outlives the browser. */
  readonly isPermanent: boolean;
  readonly absoluteMs: number | undefined;
  readonly hasIdleTimeout: boolean;
  readonly place: Place;
}

/** A backend of a rule. If it is broken, its share of requests gets 500. */
export interface RuleBackend extends BackendRef, Breakable {
  readonly weight: number;
  readonly filters?: BackendFilters;
  /** Routing that needs a separate route: the rule is rendered as one route for each of its backends. */
  readonly routing?: BackendRouting;
}

/** Filters of a single backend other than header and hostname changes. */
export interface BackendRouting extends Pick<Filters, "redirect" | "mirrors"> {
  readonly path: UrlRewrite["path"];
}

export interface RedirectFilter {
  readonly scheme: string | undefined;
  readonly hostname: string | undefined;
  readonly port: number | undefined;
  readonly path: UrlRewrite["path"];
  readonly statusCode: number;
}

/** A RequestMirror filter. If it is broken, it mirrors nothing. */
export interface MirrorFilter extends Breakable {
  readonly backend: BackendRef;
  readonly perMillion: number;
}

export interface BackendRef extends ObjectRef {
  readonly namespace: string | undefined;
  readonly port: number | undefined;
}

/** All resources that were read, by kind. */
export class Resources {
  readonly gatewayClasses: GatewayClass[] = [];
  readonly gateways: Gateway[] = [];
  readonly routes: HttpRoute[] = [];
  readonly pools: InferencePool[] = [];
  readonly models: InferenceModel[] = [];
  readonly services: Service[] = [];
  readonly pods: Pod[] = [];
  readonly slices: EndpointSlice[] = [];
  readonly grants: ReferenceGrant[] = [];
  readonly namespaces: Meta[] = [];
  readonly secrets: Secret[] = [];
  readonly deployments: Deployment[] = [];
  readonly policies: ShadowPolicy[] = [];
  readonly rewrites: InferenceModelRewrite[] = [];
  readonly objectives: InferenceObjective[] = [];
  readonly pickerConfigs: PickerConfigResource[] = [];
  readonly pickerDeployments: PickerDeployment[] = [];
  readonly envoySettings: EnvoySettingsResource[] = [];
  readonly envoyProxies: EnvoyProxy[] = [];
  readonly parametersRefs: ParametersRef[] = [];
  readonly unread: UnreadResource[] = [];
  readonly configMaps: ConfigMap[] = [];
  readonly tlsPolicies: BackendTlsPolicy[] = [];
}

/** Counts the resources, without the references and configurations that were found inside them. */
export function countResources(resources: Resources): number {
  const { parametersRefs, pickerDeployments, ...ofFiles } = resources;
  return Object.values(ofFiles).reduce((sum, { length }) => sum + length, 0);
}
