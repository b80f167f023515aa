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
}

/** One setting as people write it: in an EnvoySettings resource, or with `--set NAME=VALUE`. */
export type Setting = SettingMeaning &
  (
    | { readonly kind: "count" | "bytes" | "duration"; readonly min: number; readonly max: number }
    | { readonly kind: "choice"; readonly choices: readonly string[] }
  );

interface SettingMeaning {
  readonly name: string;
  readonly key: keyof EnvoySettings;
  /** As written. */
  readonly standard: string | number;
  /** What it bounds and why it has its default: one sentence, printed as a comment and in the documentation. */
  readonly reason: string;
}

const hour = 3_600_000;
const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const mostInt = 2_147_483_647;

/** Every setting, in the order of the documentation. */
export const settings: readonly Setting[] = [
  {
    ...{ name: "maxConnections", key: "maxConnections", kind: "count", standard: 50_000 },
    ...{ min: 1, max: 10_000_000 },
    reason:
      "Clients' connections at once, of all listeners: without a limit, clients who only connect use up the file descriptors.",
  },
  {
    ...{ name: "maxHeap", key: "maxHeapBytes", kind: "bytes", standard: "4Gi" },
    ...{ min: 64 * MiB, max: 16_384 * GiB },
    reason:
      "Envoy's memory: near it new requests are refused, so that the answers under way go on and the kernel kills nothing. Set it to nine tenths of what Envoy may use.",
  },
  {
    ...{ name: "maxBody", key: "maxBodyBytes", kind: "bytes", standard: "32Mi" },
    ...{ min: KiB, max: GiB },
    reason:
      "A request's body, which Envoy holds whole until an endpoint is picked: a longer one is answered 413, by Envoy or the sidecar.",
  },
  {
    ...{ name: "maxHeaderSize", key: "maxHeaderBytes", kind: "bytes", standard: "60Ki" },
    ...{ min: KiB, max: 8 * MiB },
    reason: "All headers of a request together: longer ones are answered 431.",
  },
  {
    ...{ name: "maxHeaders", key: "maxHeaders", kind: "count", standard: 256 },
    ...{ min: 32, max: 10_000 },
    reason:
      "Headers of a request: Envoy's own limit of 100 would fail a pick that adds its headers to a request with nearly as many.",
  },
  {
    ...{ name: "maxStreams", key: "maxStreams", kind: "count", standard: 100 },
    ...{ min: 1, max: mostInt },
    reason:
      "HTTP/2 streams of one client's connection at once: one connection shall not take what many share.",
  },
  {
    ...{ name: "streamWindow", key: "streamWindowBytes", kind: "bytes", standard: "64Ki" },
    ...{ min: 65_535, max: mostInt },
    reason: "What an HTTP/2 stream may send before Envoy has taken it: a client's share of memory.",
  },
  {
    ...{ name: "connectionWindow", key: "connectionWindowBytes", kind: "bytes", standard: "1Mi" },
    ...{ min: 65_535, max: mostInt },
    reason: "The same for all streams of an HTTP/2 connection together.",
  },
  {
    ...{ name: "headersTimeout", key: "headersTimeoutMs", kind: "duration", standard: "30s" },
    ...{ min: 100, max: hour },
    reason:
      "For the headers of a request to arrive: a client that sends them byte by byte keeps no connection busy for long.",
  },
  {
    ...{ name: "requestTimeout", key: "requestTimeoutMs", kind: "duration", standard: "5m" },
    ...{ min: 100, max: 24 * hour },
    reason:
      "For a whole request to arrive, its body included; the answer has no part in it, so that long generations are not cut.",
  },
  {
    ...{ name: "streamIdleTimeout", key: "streamIdleTimeoutMs", kind: "duration", standard: "1h" },
    ...{ min: 1_000, max: 168 * hour },
    reason:
      "Without a byte either way: a long prefill sends nothing for minutes, and Envoy's own 5 minutes would cut it.",
  },
  {
    ...{ name: "connectionIdleTimeout", key: "connectionIdleTimeoutMs" },
    ...{ kind: "duration", standard: "1h", min: 1_000, max: 168 * hour },
    reason: "A client's connection without a request: it is closed, and its memory is free.",
  },
  {
    ...{ name: "flushTimeout", key: "flushTimeoutMs", kind: "duration", standard: "5m" },
    ...{ min: 1_000, max: 24 * hour },
    reason:
      "For a client to take the rest of an answer that is complete: one that stopped reading holds no memory for long.",
  },
  {
    ...{ name: "trustedHops", key: "trustedHops", kind: "count", standard: 0, min: 0, max: 32 },
    reason:
      "Proxies before Envoy whose x-forwarded-for is believed. With 0 the client's address is the one that connects, whatever it says.",
  },
  {
    ...{ name: "underscores", key: "underscores", kind: "choice", standard: "Reject" },
    choices: ["Reject", "Drop", "Allow"],
    reason:
      "Headers with an underscore in their name, except `session_id` and those that the resources name: many servers take `x_a` for `x-a`, so a client could pass off a header that is taken from it.",
  },
  {
    ...{ name: "escapedSlashes", key: "escapedSlashes", kind: "choice", standard: "Redirect" },
    choices: ["Redirect", "Unescape", "Reject", "Keep"],
    reason:
      "%2F and %5C in a path: Envoy and the model server must not read one path differently, so the client is sent to the plain one.",
  },
  {
    ...{ name: "maxRequests", key: "maxRequests", kind: "count", standard: 65_536 },
    ...{ min: 1, max: 10_000_000 },
    reason:
      "Requests to a pool, and picks, at once. Envoy's own limit of 1,024 would refuse requests while long answers stream.",
  },
  {
    ...{ name: "connectTimeout", key: "connectTimeoutMs", kind: "duration", standard: "1s" },
    ...{ min: 10, max: 60_000 },
    reason:
      "For an endpoint to take a connection: a machine that is gone answers nothing, and the next endpoint is tried.",
  },
  {
    ...{ name: "endpointIdleTimeout", key: "endpointIdleTimeoutMs", kind: "duration" },
    ...{ standard: "4s", min: 100, max: hour },
    reason:
      "An idle connection to an endpoint: vLLM's HTTP server closes it after 5 s, and a request sent into that moment would be lost.",
  },
  {
    ...{ name: "endpointBuffer", key: "endpointBufferBytes", kind: "bytes", standard: "1Mi" },
    ...{ min: 16 * KiB, max: GiB },
    reason:
      "What Envoy holds of an answer for a client that reads slowly, before it stops reading from the endpoint.",
  },
  {
    ...{ name: "healthInterval", key: "healthIntervalMs", kind: "duration", standard: "1s" },
    ...{ min: 100, max: 60_000 },
    reason:
      "Between two health checks of the sidecar: one that hangs or is ending gets no picks, and the pools' failure mode holds at once.",
  },
  {
    ...{ name: "pickTimeout", key: "pickTimeoutMs", kind: "duration", standard: "2s" },
    ...{ min: 10, max: 60_000 },
    reason: "For an answer of the sidecar; past it the pool's failure mode holds.",
  },
  {
    ...{ name: "maxQueueTime", key: "maxQueueMs", kind: "duration", standard: "5m" },
    ...{ min: 10, max: hour },
    reason: "For a request that waits in the sidecar for its turn; the sidecar asks for the time.",
  },
  {
    ...{ name: "shadowTimeout", key: "shadowTimeoutMs", kind: "duration", standard: "10m" },
    ...{ min: 1_000, max: 24 * hour },
    reason:
      "For a mirrored request in all: with a shadow that hangs, copies would pile up for ever.",
  },
  {
    ...{ name: "maxShadowRequests", key: "maxShadowRequests", kind: "count", standard: 128 },
    ...{ min: 1, max: 65_536 },
    reason:
      "Mirrored requests under way for each mirror: more are dropped, since the shadow never costs the primary anything.",
  },
];

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
  return settings.find((each) => each.key === key)?.reason ?? "";
}
