import { parseEndpointList } from "@umbra/envoy-config";

/** The input for the starter files. */
export interface Answers {
  /** Primary endpoints, as `ip:port`. */
  readonly primary: readonly string[];
  /** Shadow endpoints, as `ip:port`; empty for no mirror. */
  readonly shadow: readonly string[];
  /** The model that clients request; undefined: any that the endpoints serve. */
  readonly model: string | undefined;
  /** The model that the shadow serves; undefined: the same model. */
  readonly shadowModel: string | undefined;
  /** Percentage of requests to mirror. */
  readonly percent: number;
  /** Hostname in client requests; undefined: any. */
  readonly hostname: string | undefined;
  readonly port: number;
}

export type Given = { readonly [K in keyof Answers]?: string | undefined };

/** A parsed answer: its value, or an error message. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

/** One value to ask for. */
export interface Question<T> {
  readonly flag: string;
  /** The flag's value. */
  readonly given: string | undefined;
  readonly message: string;
  readonly placeholder?: string;
  readonly read: (typed: string) => Answer<T>;
  /** The default value. */
  readonly defaultText: T;
  /** False: don't prompt for it. True when absent. */
  readonly isAsked?: boolean;
}

export type Ask = <T>(question: Question<T>) => Promise<T>;

export const defaults = { percent: 100, port: 8_080 } as const;

/** Collects all answers, in the order of the prompts. Flags and prompts use the same code. */
export async function collectAnswers(given: Given, ask: Ask): Promise<Answers> {
  const primary = await ask({
    ...{ flag: "--primary", given: given.primary, read: endpoints, defaultText: [] },
    message: "Primary endpoints, which answer clients",
    placeholder: "10.0.0.1:8000,10.0.0.2:8000",
  });
  const shadow = await ask({
    ...{ flag: "--shadow", given: given.shadow, defaultText: [] },
    read: (typed) => shadowEndpoints(typed, primary),
    message: "Shadow endpoints (empty for none)",
    placeholder: "10.0.1.1:8000",
  });
  const hasShadow = shadow.length > 0;
  const model = await ask({
    ...{ flag: "--model", given: given.model, read: modelName, defaultText: undefined },
    message: "Model that clients request (empty for any)",
  });
  const shadowModel = await ask({
    ...{
      flag: "--shadow-model",
      given: given.shadowModel,
      read: modelName,
      defaultText: undefined,
    },
    message: "Model that the shadow serves (empty for the same)",
    placeholder: model ?? "",
    isAsked: hasShadow && model !== undefined,
  });
  const percent = await ask({
    ...{ flag: "--percent", given: given.percent, read: share, defaultText: defaults.percent },
    message: "Percentage of requests to mirror",
    isAsked: hasShadow,
  });
  const hostname = await ask({
    ...{ flag: "--hostname", given: given.hostname, read: host, defaultText: undefined },
    message: "Hostname in client requests (empty for any)",
    placeholder: "chat.example.com",
  });
  const port = await ask({
    ...{ flag: "--port", given: given.port, read: portNumber, defaultText: defaults.port },
    message: "Port that clients connect to",
  });
  return { primary, shadow, model, shadowModel, percent, hostname, port };
}

function endpoints(text: string): Answer<readonly string[]> {
  const read = parseEndpointList(text);
  return read.ok ? { ok: true, value: read.endpoints } : wrong(read.message);
}

/** An empty answer means no mirror. */
function shadowEndpoints(text: string, primary: readonly string[]): Answer<readonly string[]> {
  if (text.trim() === "") return { ok: true, value: [] };
  const read = endpoints(text);
  const shared = read.ok ? read.value.find((each) => primary.includes(each)) : undefined;
  return shared === undefined
    ? read
    : wrong(`${shared} is already a primary endpoint: give the shadow its own endpoints`);
}

function modelName(text: string): Answer<string | undefined> {
  const name = text.trim();
  if (name === "") return { ok: true, value: undefined };
  // The sidecar's limits for a model name in a request.
  return /^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/.test(name)
    ? { ok: true, value: name }
    : wrong("expected a model name of up to 256 printable ASCII characters");
}

function share(text: string): Answer<number> {
  const value = Number(text);
  return text.trim() !== "" && value > 0 && value <= 100
    ? { ok: true, value }
    : wrong("expected a number above 0 and up to 100");
}

function host(text: string): Answer<string | undefined> {
  const name = text.trim().toLowerCase();
  if (name === "" || name === "*") return { ok: true, value: undefined };
  return name.length <= 253 && hostnamePattern.test(name) && !/^[\d.]+$/.test(name)
    ? { ok: true, value: name }
    : wrong("expected a hostname such as chat.example.com or *.example.com, without a port");
}

function portNumber(text: string): Answer<number> {
  const value = Number(text);
  return /^\d{1,5}$/.test(text.trim()) && value >= 1 && value <= 65_535
    ? { ok: true, value }
    : wrong("expected a port from 1 to 65535");
}

const label = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";
const hostnamePattern = new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*$`);

function wrong(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}
