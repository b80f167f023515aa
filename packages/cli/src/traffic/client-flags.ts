import { defined } from "@umbra/shadow/defined";
import { CommandError, UsageError } from "../errors.ts";
import { text } from "../flag-values.ts";
import type { FlagTable } from "../flags.ts";
import type { Io } from "../io.ts";
import { authorizationFrom } from "../resources/endpoint-key.ts";
import type { ChatTarget } from "./send.ts";

/** Flags of commands that send requests as a client. */
export interface ClientFlags {
  readonly keyFile?: string;
  readonly keyEnv?: string;
  readonly url: string;
  readonly host?: string;
}

/** No key is sent by default: the URL may belong to a server that must not see the key in the user's environment. */
export const clientFlags: FlagTable<ClientFlags> = {
  keyFile: {
    flag: "--key-file <file>",
    help: "file with the API key to send",
  },
  keyEnv: {
    flag: "--key-env <name>",
    help: "environment variable with the API key to send, for example OPENAI_API_KEY (default: send no key)",
  },
  url: {
    flag: "--url <url>",
    help: "URL of the gateway",
    read: text,
    initial: "http://127.0.0.1:8080",
  },
  host: { flag: "--host <name>", help: "value of the Host header" },
};

/** The characters and length that a header can carry. */
const keyForm = /^[!-~]{1,8192}$/;

const variableForm = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;

/** Returns the target of the requests. Throws UsageError or CommandError; messages never contain the key. */
export async function chatTarget(flags: ClientFlags, io: Pick<Io, "env">): Promise<ChatTarget> {
  const authorization = await authorizationOf(flags, io);
  return { origin: new URL(flags.url).origin, ...defined({ host: flags.host, authorization }) };
}

/** Undefined if no flag names a key. */
async function authorizationOf(
  { keyFile, keyEnv }: ClientFlags,
  { env }: Pick<Io, "env">,
): Promise<string | undefined> {
  if (keyFile !== undefined && keyEnv !== undefined) {
    throw new UsageError("give either --key-file or --key-env, not both");
  }
  if (keyEnv === undefined) return authorizationFrom(keyFile, "--key-file");
  // Don't print the value: it may be a key given by mistake.
  if (!variableForm.test(keyEnv)) {
    throw new UsageError(
      "--key-env expects the name of an environment variable, not the key itself",
    );
  }
  const key = env[keyEnv]?.trim() ?? "";
  if (key === "") {
    throw new CommandError("--key-env: the environment variable is not set or is empty");
  }
  if (!keyForm.test(key)) {
    throw new CommandError(
      `--key-env: the value of ${keyEnv} can't be sent in a header, because it contains blanks or is too long`,
    );
  }
  return `Bearer ${key}`;
}
