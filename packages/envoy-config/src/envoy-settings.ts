import { nearest } from "./nearest.ts";
import { parseBytes, parseDuration } from "./quantity.ts";

/** What bounds and hardens Envoy; the same for every listener. Each has a default. */
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
  /** Bytes a second, of all answers of a mirror together. */
  readonly shadowBandwidthBytes: number;
  readonly sidecarMemoryBytes: number;
}

/** One setting as people write it: in an EnvoySettings resource, or with `--set NAME=VALUE`. */
export type Setting = Form & { readonly key: keyof EnvoySettings; readonly reason: string };

/** How a setting is written, and its default. */
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

/** How each setting is written, in the order of the documentation. */
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
  sidecarMemoryBytes: bytes("sidecarMemory", "3Gi", [256 * MiB, 16_384 * GiB]),
};

/** The first choice holds where nothing else is said. */
function choice(name: string, choices: readonly [string, ...string[]]): Form {
  return { name, kind: "choice", standard: choices[0], choices };
}

/** What each setting bounds and why it has its default: one sentence, printed as a comment and in the documentation. */
const reasons: Readonly<Record<keyof EnvoySettings, string>> = {
  maxConnections:
    "Clients' connections at once, of all listeners: without a limit, clients who only connect use up the file descriptors.",
  maxHeapBytes:
    "Envoy's memory: near it new requests are refused, so that the answers under way go on and the kernel kills nothing. Set it to nine tenths of what Envoy may use.",
  maxBodyBytes:
    "A request's body, which Envoy holds whole until an endpoint is picked: a longer one is answered 413, by Envoy or the sidecar.",
  maxHeaderBytes: "All headers of a request together: longer ones are answered 431.",
  maxHeaders:
    "Headers of a request: Envoy's own limit of 100 would fail a pick that adds its headers to a request with nearly as many.",
  maxStreams:
    "HTTP/2 streams of one client's connection at once: one connection shall not take what many share.",
  streamWindowBytes:
    "What an HTTP/2 stream may send before Envoy has taken it: a client's share of memory.",
  connectionWindowBytes: "The same for all streams of an HTTP/2 connection together.",
  headersTimeoutMs:
    "For the headers of a request to arrive: a client that sends them byte by byte keeps no connection busy for long.",
  requestTimeoutMs:
    "For a whole request to arrive, its body included; the answer has no part in it, so that long generations are not cut.",
  streamIdleTimeoutMs:
    "Without a byte either way: a long prefill sends nothing for minutes, and Envoy's own 5 minutes would cut it.",
  connectionIdleTimeoutMs:
    "A client's connection without a request: it is closed, and its memory is free.",
  flushTimeoutMs:
    "For a client to take the rest of an answer that is complete: one that stopped reading holds no memory for long.",
  trustedHops:
    "Proxies before Envoy whose x-forwarded-for is believed. With 0 the client's address is the one that connects, whatever it says, and `forwarded`, `x-forwarded-host`, `x-forwarded-port` and `x-real-ip` are taken off.",
  controlHeaders:
    "Headers by which clients choose their priority, tenant, model, time limits and profile: anybody could take the turns of others, so they are taken off unless all clients are trusted.",
  underscores:
    "Headers with an underscore in their name, except `session_id` and those that the resources name: many servers take `x_a` for `x-a`, so a client could pass off a header that is taken from it.",
  escapedSlashes:
    "%2F and %5C in a path: Envoy and the model server must not read one path differently, so the client is sent to the plain one.",
  maxRequests:
    "Requests to a pool, and picks, at once. Envoy's own limit of 1,024 would refuse requests while long answers stream.",
  connectTimeoutMs:
    "For an endpoint to take a connection: a machine that is gone answers nothing, and the next endpoint is tried.",
  endpointIdleTimeoutMs:
    "An idle connection to an endpoint: vLLM's HTTP server closes it after 5 s, and a request sent into that moment would be lost.",
  endpointBufferBytes:
    "What Envoy holds of an answer for a client that reads slowly, before it stops reading from the endpoint.",
  healthIntervalMs:
    "Between two health checks of the sidecar: one that hangs or is ending gets no picks, and the pools' failure mode holds at once.",
  pickTimeoutMs:
    "For an answer of the sidecar, the body's way to it included; past it the pool's failure mode holds. It is longer than a stall of 3 s, which then fails no request.",
  maxQueueMs:
    "For a request that waits in the sidecar for its turn; the sidecar asks for the time.",
  shadowTimeoutMs:
    "For a mirrored request in all: with a shadow that hangs, copies would pile up for ever.",
  maxShadowRequests:
    "Mirrored requests under way for each mirror: more are dropped, since the shadow never costs the primary anything.",
  maxShadowBodyBytes:
    "Largest body that is mirrored where no ShadowPolicy sets `maxBodyBytes`: Envoy holds it for each copy under way.",
  shadowBandwidthBytes:
    "A second, of all answers of a mirror together: a shadow that sends more is read no faster, and answers that it delays are not compared.",
  sidecarMemoryBytes:
    "The sidecar's memory: requests that it holds get what its other parts leave, and `umbra check` shows whether everything fits.",
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

/** Reads one setting as it is written: `maxHeap` and `4Gi`. */
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

/** What a setting may be, in words. */
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

/** What holds where nothing else is said. */
export const defaultEnvoySettings: EnvoySettings = Object.assign(
  {},
  ...settings.map(({ name, standard }) => {
    const parsed = parseSetting(name, String(standard));
    return parsed.ok ? parsed.value : {};
  }),
);

/** Why a setting is there. */
export function reasonOf(key: keyof EnvoySettings): string {
  return reasons[key];
}
