import { parseEndpointList } from "@umbra/envoy-config";

/** What a first set of files is made from. */
export interface Answers {
  /** `ip:port`s that answer clients. */
  readonly primary: readonly string[];
  /** `ip:port`s that get copies; empty for no mirror. */
  readonly shadow: readonly string[];
  /** What clients ask for; undefined: whatever the endpoints serve. */
  readonly model: string | undefined;
  /** What the shadow serves instead; undefined: the same. */
  readonly shadowModel: string | undefined;
  /** Share of the requests that is mirrored. */
  readonly percent: number;
  /** Undefined: every host. */
  readonly hostname: string | undefined;
  readonly port: number;
}

export type Given = { readonly [K in keyof Answers]?: string | undefined };

/** An answer as it was typed: its value, or what is wrong with it. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

/** One thing to know. */
export interface Question<T> {
  readonly flag: string;
  /** What the flag says. */
  readonly given: string | undefined;
  readonly message: string;
  readonly placeholder?: string;
  readonly read: (typed: string) => Answer<T>;
  /** Where nothing is given or typed. */
  readonly otherwise: T;
  /** False: not asked for on a terminal. True when absent. */
  readonly isAsked?: boolean;
}

export type Ask = <T>(question: Question<T>) => Promise<T>;

export const defaults = { percent: 100, port: 8_080 } as const;

/** All answers, in the order in which they are asked for. Flags and prompts go the same way. */
export async function answersBy(given: Given, ask: Ask): Promise<Answers> {
  const primary = await ask({
    ...{ flag: "--primary", given: given.primary, read: endpoints, otherwise: [] },
    message: "Endpoints that answer clients",
    placeholder: "10.0.0.1:8000,10.0.0.2:8000",
  });
  const shadow = await ask({
    ...{ flag: "--shadow", given: given.shadow, otherwise: [] },
    read: (typed) => shadowEndpoints(typed, primary),
    message: "Endpoints of the shadow (none: empty)",
    placeholder: "10.0.1.1:8000",
  });
  const hasShadow = shadow.length > 0;
  const model = await ask({
    ...{ flag: "--model", given: given.model, read: modelName, otherwise: undefined },
    message: "Model that clients ask for (whatever is served: empty)",
  });
  const shadowModel = await ask({
    ...{ flag: "--shadow-model", given: given.shadowModel, read: modelName, otherwise: undefined },
    message: "Model that the shadow serves (the same: empty)",
    placeholder: model ?? "",
    isAsked: hasShadow && model !== undefined,
  });
  const percent = await ask({
    ...{ flag: "--percent", given: given.percent, read: share, otherwise: defaults.percent },
    message: "Percent of requests that are mirrored",
    isAsked: hasShadow,
  });
  const hostname = await ask({
    ...{ flag: "--hostname", given: given.hostname, read: host, otherwise: undefined },
    message: "Host that clients name (any: empty)",
    placeholder: "chat.example.com",
  });
  const port = await ask({
    ...{ flag: "--port", given: given.port, read: portNumber, otherwise: defaults.port },
    message: "Port that clients come to",
  });
  return { primary, shadow, model, shadowModel, percent, hostname, port };
}

function endpoints(text: string): Answer<readonly string[]> {
  const read = parseEndpointList(text);
  return read.ok ? { ok: true, value: read.endpoints } : wrong(read.message);
}

/** Empty for no mirror. */
function shadowEndpoints(text: string, primary: readonly string[]): Answer<readonly string[]> {
  if (text.trim() === "") return { ok: true, value: [] };
  const read = endpoints(text);
  const shared = read.ok ? read.value.find((each) => primary.includes(each)) : undefined;
  return shared === undefined
    ? read
    : wrong(`${shared} answers clients already: the shadow must have endpoints of its own`);
}

function modelName(text: string): Answer<string | undefined> {
  const name = text.trim();
  if (name === "") return { ok: true, value: undefined };
  // As the sidecar takes it in a request.
  return /^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/.test(name)
    ? { ok: true, value: name }
    : wrong("a model's name is up to 256 printable ASCII characters");
}

function share(text: string): Answer<number> {
  const value = Number(text);
  return text.trim() !== "" && value > 0 && value <= 100
    ? { ok: true, value }
    : wrong("a number above 0, at most 100");
}

function host(text: string): Answer<string | undefined> {
  const name = text.trim().toLowerCase();
  if (name === "" || name === "*") return { ok: true, value: undefined };
  return name.length <= 253 && hostnamePattern.test(name) && !/^[\d.]+$/.test(name)
    ? { ok: true, value: name }
    : wrong("a hostname such as chat.example.com or *.example.com, without port");
}

function portNumber(text: string): Answer<number> {
  const value = Number(text);
  return /^\d{1,5}$/.test(text.trim()) && value >= 1 && value <= 65_535
    ? { ok: true, value }
    : wrong("a port, 1 to 65535");
}

const label = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";
const hostnamePattern = new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*$`);

function wrong(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}
