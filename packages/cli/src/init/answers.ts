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

/** Answers that flags have given. */
export type Given = { readonly [K in keyof Answers]?: string };

export const defaults = { percent: "100", port: "8080" } as const;

/** An answer as it was typed: its value, or what is wrong with it. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

/** Reads each answer, in the order in which they are asked for. Flags and prompts go the same way. */
export const readAnswer = {
  primary: (text: string): Answer<readonly string[]> => endpoints(text),
  /** Empty for no mirror. */
  shadow(text: string, primary: readonly string[]): Answer<readonly string[]> {
    if (text.trim() === "") return { ok: true, value: [] };
    const read = endpoints(text);
    const shared = read.ok ? read.value.find((each) => primary.includes(each)) : undefined;
    return shared === undefined
      ? read
      : wrong(`${shared} answers clients already: the shadow must have endpoints of its own`);
  },
  model(text: string): Answer<string | undefined> {
    const name = text.trim();
    if (name === "") return { ok: true, value: undefined };
    // As the sidecar takes it in a request.
    return /^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/.test(name)
      ? { ok: true, value: name }
      : wrong("a model's name is up to 256 printable ASCII characters");
  },
  percent(text: string): Answer<number> {
    const value = Number(text);
    return text.trim() !== "" && value > 0 && value <= 100
      ? { ok: true, value }
      : wrong("a number above 0, at most 100");
  },
  hostname(text: string): Answer<string | undefined> {
    const name = text.trim().toLowerCase();
    if (name === "" || name === "*") return { ok: true, value: undefined };
    return name.length <= 253 && hostnamePattern.test(name) && !/^[\d.]+$/.test(name)
      ? { ok: true, value: name }
      : wrong("a hostname such as chat.example.com or *.example.com, without port");
  },
  port(text: string): Answer<number> {
    const value = Number(text);
    return /^\d{1,5}$/.test(text.trim()) && value >= 1 && value <= 65_535
      ? { ok: true, value }
      : wrong("a port, 1 to 65535");
  },
} as const;

const label = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";
const hostnamePattern = new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*$`);

function endpoints(text: string): Answer<readonly string[]> {
  const read = parseEndpointList(text);
  return read.ok ? { ok: true, value: read.endpoints } : wrong(read.message);
}

function wrong(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}
