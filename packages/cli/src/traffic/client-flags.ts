import { defined } from "@umbra/shadow/defined";
import { CommandError, UsageError } from "../errors.ts";
import { text } from "../flag-values.ts";
import type { FlagTable } from "../flags.ts";
import type { Io } from "../io.ts";
import { authorizationFrom } from "../resources/endpoint-key.ts";
import type { ChatTarget } from "./send.ts";

/** Of commands that send requests as a client. */
export interface ClientFlags {
  readonly keyFile?: string;
  readonly keyEnv?: string;
  readonly url: string;
  readonly host?: string;
}

/** No key is sent unasked: the URL may be of a server that must not get the one of the shell. */
export const clientFlags: FlagTable<ClientFlags> = {
  keyFile: {
    flag: "--key-file <file>",
    help: "file with the API key that the requests carry",
  },
  keyEnv: {
    flag: "--key-env <name>",
    help: "environment variable with that key, for example OPENAI_API_KEY; without either flag no key is sent",
  },
  url: { flag: "--url <url>", help: "the gateway", read: text, initial: "http://127.0.0.1:8080" },
  host: { flag: "--host <name>", help: "Host header" },
};

/** What a header can carry. */
const keyForm = /^[!-~]{1,8192}$/;

const variableForm = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;

/** Where requests go. Throws UsageError and CommandError; no message shows the key. */
export async function chatTarget(flags: ClientFlags, io: Pick<Io, "env">): Promise<ChatTarget> {
  const authorization = await authorizationOf(flags, io);
  return { origin: new URL(flags.url).origin, ...defined({ host: flags.host, authorization }) };
}

/** Undefined where no flag names a key. */
async function authorizationOf(
  { keyFile, keyEnv }: ClientFlags,
  { env }: Pick<Io, "env">,
): Promise<string | undefined> {
  if (keyFile !== undefined && keyEnv !== undefined) {
    throw new UsageError("--key-file and --key-env exclude each other: give one");
  }
  if (keyEnv === undefined) return authorizationFrom(keyFile, "--key-file");
  // A key in the place of the name must not be printed.
  if (!variableForm.test(keyEnv)) {
    throw new UsageError("--key-env takes the name of an environment variable, not the key");
  }
  const key = env[keyEnv]?.trim() ?? "";
  if (key === "") {
    throw new CommandError("--key-env: the environment variable that it names is not set or empty");
  }
  if (!keyForm.test(key)) {
    throw new CommandError(
      `--key-env: the environment's ${keyEnv} can't be sent in a header: it has blanks or is too long`,
    );
  }
  return `Bearer ${key}`;
}
