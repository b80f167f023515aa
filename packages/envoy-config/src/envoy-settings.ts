import { nearest } from "./nearest.ts";
import { parseBytes, parseDuration } from "./quantity.ts";

/** Limits and hardening of Envoy, the same for every listener. Each setting has a default. */
export interface EnvoySettings {
  readonly maxConnections: number;
  readonly maxHeapBytes: number;
  readonly maxBodyBytes: number;
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  readonly maxStreams: number;
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly streamIdleTimeoutMs: number;
  readonly connectionIdleTimeoutMs: number;
  readonly flushTimeoutMs: number;
  readonly trustedHops: number;
  readonly controlHeaders: "Remove" | "Trust";
  readonly underscores: "Reject" | "Drop" | "Allow";
  readonly escapedSlashes: "Redirect" | "Unescape" | "Reject" | "Keep";
  readonly maxRequests: number;
  readonly connectTimeoutMs: number;
  readonly endpointIdleTimeoutMs: number;
  readonly endpointBufferBytes: number;
  readonly healthIntervalMs: number;
  readonly pickTimeoutMs: number;
  readonly maxQueueMs: number;
  readonly shadowTimeoutMs: number;
  readonly maxShadowRequests: number;
  readonly maxShadowBodyBytes: number;
  /** Bytes per second, for all answers of a mirror together. */
  readonly shadowBandwidthBytes: number;
  readonly sidecarMemoryBytes: number;
}

/** A setting as users write it: in an EnvoySettings resource or with `--set NAME=VALUE`. */
export type Setting = Form & { readonly key: keyof EnvoySettings; readonly reason: string };

/** The syntax and default of a setting. */
type Form = { readonly name: string; readonly standard: string | number } & (
  | { readonly kind: "count" | "bytes" | "duration"; readonly min: number; readonly max: number }
  | { readonly kind: "choice"; readonly choices: readonly string[] }
);

const hour = 3_600_000;
const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const mostInt = 2_147_483_647;

const amount =
  (kind: "count" | "bytes" | "duration") =>
  (name: string, standard: string | number, [min, max]: readonly [number, number]): Form => ({
    ...{ name, kind, standard, min, max },
  });
const [count, bytes, duration] = [amount("count"), amount("bytes"), amount("duration")];

/** The syntax of each setting, in the order of the documentation. */
const forms: Readonly<Record<keyof EnvoySettings, Form>> = {
  maxConnections: count("maxConnections", 50_000, [1, 10_000_000]),
  maxHeapBytes: bytes("maxHeap", "4Gi", [64 * MiB, 16_384 * GiB]),
  maxBodyBytes: bytes("maxBody", "32Mi", [KiB, GiB]),
  maxHeaderBytes: bytes("maxHeaderSize", "60Ki", [KiB, 8 * MiB]),
  maxHeaders: count("maxHeaders", 256, [32, 10_000]),
  maxStreams: count("maxStreams", 100, [1, mostInt]),
  streamWindowBytes: bytes("streamWindow", "64Ki", [65_535, mostInt]),
  connectionWindowBytes: bytes("connectionWindow", "1Mi", [65_535, mostInt]),
  headersTimeoutMs: duration("headersTimeout", "30s", [100, hour]),
  requestTimeoutMs: duration("requestTimeout", "5m", [100, 24 * hour]),
  streamIdleTimeoutMs: duration("streamIdleTimeout", "1h", [1_000, 168 * hour]),
  connectionIdleTimeoutMs: duration("connectionIdleTimeout", "1h", [1_000, 168 * hour]),
  flushTimeoutMs: duration("flushTimeout", "5m", [1_000, 24 * hour]),
  trustedHops: count("trustedHops", 0, [0, 32]),
  controlHeaders: choice("controlHeaders", ["Remove", "Trust"]),
  underscores: choice("underscores", ["Reject", "Drop", "Allow"]),
  escapedSlashes: choice("escapedSlashes", ["Redirect", "Unescape", "Reject", "Keep"]),
  maxRequests: count("maxRequests", 65_536, [1, 10_000_000]),
  connectTimeoutMs: duration("connectTimeout", "1s", [10, 60_000]),
  endpointIdleTimeoutMs: duration("endpointIdleTimeout", "4s", [100, hour]),
  endpointBufferBytes: bytes("endpointBuffer", "1Mi", [16 * KiB, GiB]),
  healthIntervalMs: duration("healthInterval", "1s", [100, 60_000]),
  pickTimeoutMs: duration("pickTimeout", "5s", [10, 60_000]),
  maxQueueMs: duration("maxQueueTime", "5m", [10, hour]),
  shadowTimeoutMs: duration("shadowTimeout", "10m", [1_000, 24 * hour]),
  maxShadowRequests: count("maxShadowRequests", 32, [1, 65_536]),
  maxShadowBodyBytes: bytes("maxShadowBody", "1Mi", [KiB, GiB]),
  shadowBandwidthBytes: bytes("shadowBandwidth", "8Mi", [64 * KiB, 4 * GiB]),
  sidecarMemoryBytes: bytes("sidecarMemory", "4Gi", [256 * MiB, 16_384 * GiB]),
};

/** The first choice is the default. */
function choice(name: string, choices: readonly [string, ...string[]]): Form {
  return { name, kind: "choice", standard: choices[0], choices };
}

/** The purpose of each setting and the reason for its default: one sentence, printed as a comment and in the documentation. */
const reasons: Readonly<Record<keyof EnvoySettings, string>> = {
  maxConnections:
    "Maximum concurrent client connections of all listeners: without a limit, clients that only connect use up the file descriptors.",
  maxHeapBytes:
    "Envoy's memory: close to this limit, new requests are rejected, so that running answers finish and the kernel does not kill Envoy. Set it to nine tenths of the memory available to Envoy.",
  maxBodyBytes:
    "Maximum size of a request body, which Envoy buffers until an endpoint is picked: a longer one gets 413 from Envoy or the sidecar.",
  maxHeaderBytes: "Maximum total size of a request's headers: larger ones get 431.",
  maxHeaders:
    "Maximum number of request headers: with Envoy's default of 100, a pick that adds headers to a request with almost 100 would fail.",
  maxStreams:
    "Maximum concurrent HTTP/2 streams of a client connection, so that one connection can't use the capacity of many.",
  streamWindowBytes: "HTTP/2 window of a stream: the memory that one stream of a client can use.",
  connectionWindowBytes:
    "HTTP/2 window of a connection: the memory that all its streams can use together.",
  headersTimeoutMs:
    "Time limit for receiving the headers of a request, against clients that send them byte by byte.",
  requestTimeoutMs:
    "Time limit for receiving a whole request with its body. It does not include the answer, so long generations are not cut off.",
  streamIdleTimeoutMs:
    "Time limit for a stream without data in either direction: a long prefill sends nothing for minutes, and Envoy's default of 5 minutes would cut it off.",
  connectionIdleTimeoutMs:
    "Time until an idle client connection is closed, which frees its memory.",
  flushTimeoutMs:
    "Time limit for a client to read the rest of a complete answer, so that a client that stopped reading does not hold memory.",
  trustedHops:
    "Number of trusted proxies in front of Envoy that set x-forwarded-for. With 0, the address of the connection is the client's address, and `forwarded`, `x-forwarded-host`, `x-forwarded-port` and `x-real-ip` are removed.",
  controlHeaders:
    "Headers with which clients set their priority, tenant, model, time limits and profile: untrusted clients could push ahead of other clients, so these headers are removed by default.",
  underscores:
    "Headers with an underscore in their name, except `session_id` and those in the resources: many servers treat `x_a` as `x-a`, so a client could send a header that Envoy removes.",
  escapedSlashes:
    "%2F and %5C in a path: Envoy and the model server could interpret the path differently, so the client is redirected to the unescaped path.",
  maxRequests:
    "Maximum concurrent requests to a pool, and concurrent picks: Envoy's default of 1,024 would reject requests while long answers stream.",
  connectTimeoutMs:
    "Time limit for connecting to an endpoint: if a machine is down, the next endpoint is tried.",
  endpointIdleTimeoutMs:
    "Time until an idle connection to an endpoint is closed: vLLM's HTTP server closes it after 5 s, and a request sent at that moment would be lost.",
  endpointBufferBytes:
    "How much of an answer Envoy buffers for a slow client before it stops reading from the endpoint.",
  healthIntervalMs:
    "Interval of the sidecar's health checks: if the sidecar hangs or stops, it gets no picks, and the pools' failure mode applies immediately.",
  pickTimeoutMs:
    "Time limit for the sidecar's answer, including the time to send the body; after it, the pool's failure mode applies. Longer than 3 s, so that a short stall fails no request.",
  maxQueueMs:
    "Maximum time that a request may wait in the sidecar's queue; the sidecar requests this time from Envoy.",
  shadowTimeoutMs: "Time limit for a twin: if a shadow hangs, twins must not pile up.",
  maxShadowRequests:
    "Maximum concurrent twins of a mirror: more are dropped, because a shadow must never affect the primary.",
  maxShadowBodyBytes:
    "Largest body that is mirrored if no ShadowPolicy sets `maxBodyBytes`: Envoy buffers it for each running twin.",
  shadowBandwidthBytes:
    "Maximum bytes per second of all answers of a mirror together: Envoy reads no faster, and answers that this delays are not compared.",
  sidecarMemoryBytes:
    "The sidecar's memory: held requests may use what its other parts leave, and `umbra check` shows whether everything fits.",
};

/** Every setting, in the order of the documentation. */
export const settings: readonly Setting[] = Object.entries(forms).map(([each, form]) => {
  const key = each as keyof EnvoySettings;
  return { ...form, key, reason: reasons[key] };
});

const byName: ReadonlyMap<string, Setting> = new Map(settings.map((each) => [each.name, each]));

export type ParsedSetting =
  | { readonly ok: true; readonly value: Partial<EnvoySettings> }
  | { readonly ok: false; readonly message: string };

/** Parses one setting, such as `maxHeap` and `4Gi`. */
export function parseSetting(name: string, text: string): ParsedSetting {
  const setting = byName.get(name);
  if (setting === undefined) {
    const near = nearest(name, [...byName.keys()]);
    const meant = near === undefined ? "" : `: did you mean ${near}?`;
    return { ok: false, message: `there is no setting "${name.slice(0, 64)}"${meant}` };
  }
  const value = readSetting(setting, text);
  if (value === undefined)
    return { ok: false, message: `\`${name}\` must be ${settingText(setting)}` };
  return { ok: true, value: { [setting.key]: value } };
}

function readSetting(setting: Setting, text: string): string | number | undefined {
  if (setting.kind === "choice") return setting.choices.find((each) => each === text);
  const parse = { count: parseCount, bytes: parseBytes, duration: parseDuration }[setting.kind];
  const value = parse(text);
  return value !== undefined && value >= setting.min && value <= setting.max ? value : undefined;
}

function parseCount(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** Describes the allowed values of a setting. */
export function settingText(setting: Setting): string {
  switch (setting.kind) {
    case "choice":
      return `one of ${setting.choices.join(", ")}`;
    case "count":
      return `a whole number from ${setting.min} to ${setting.max}`;
    case "bytes":
      return `a size from ${bytesText(setting.min)} to ${bytesText(setting.max)}, such as ${setting.standard}`;
    case "duration":
      return `a duration from ${durationText(setting.min)} to ${durationText(setting.max)}, such as ${setting.standard}`;
  }
}

function bytesText(bytes: number): string {
  const [size, unit] = [
    [GiB, "Gi"],
    [MiB, "Mi"],
    [KiB, "Ki"],
  ].find(([size]) => bytes % Number(size) === 0) ?? [1, ""];
  return `${bytes / Number(size)}${unit}`;
}

function durationText(ms: number): string {
  const [size, unit] = [
    [hour, "h"],
    [60_000, "m"],
    [1_000, "s"],
  ].find(([size]) => ms % Number(size) === 0) ?? [1, "ms"];
  return `${ms / Number(size)}${unit}`;
}

/** The defaults of all settings. */
export const defaultEnvoySettings: EnvoySettings = Object.assign(
  {},
  ...settings.map(({ name, standard }) => {
    const parsed = parseSetting(name, String(standard));
    return parsed.ok ? parsed.value : {};
  }),
);

/** Returns the reason for a setting. */
export function reasonOf(key: keyof EnvoySettings): string {
  return reasons[key];
}
