import { readEndpointKey } from "@umbra/sidecar";
import type { Command } from "commander";
import { CommandError, UsageError } from "../errors.ts";
import type { Io } from "../io.ts";

/** Where a command that sends requests as a client has its API key from. */
export interface ClientKeyFlags {
  readonly keyFile?: string;
  readonly keyEnv?: string;
}

/** What a header can carry. */
const keyForm = /^[!-~]{1,8192}$/;

const variableForm = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;

/** No key is sent unasked: the URL may be of a server that must not get the one of the shell. */
export function withClientKeyFlag(command: Command): Command {
  return command
    .option("--key-file <file>", "file with the API key that the requests carry")
    .option(
      "--key-env <name>",
      "environment variable with that key, for example OPENAI_API_KEY; without either flag no key is sent",
    );
}

/** The `authorization` header of requests; nothing where no flag names a key. Throws UsageError and CommandError; no message shows the key. */
export async function clientAuthorization(
  { keyFile, keyEnv }: ClientKeyFlags,
  { env }: Pick<Io, "env">,
): Promise<{ readonly authorization?: string }> {
  if (keyFile !== undefined && keyEnv !== undefined) {
    throw new UsageError("--key-file and --key-env exclude each other: give one");
  }
  if (keyFile !== undefined) {
    const { key } = await readEndpointKey(keyFile).catch((cause: Error) => {
      throw new CommandError(`--key-file: ${cause.message}`, { cause });
    });
    return { authorization: `Bearer ${key}` };
  }
  if (keyEnv === undefined) return {};
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
  return { authorization: `Bearer ${key}` };
}
