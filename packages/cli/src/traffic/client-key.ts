import { readEndpointKey } from "@umbra/sidecar";
import type { Command } from "commander";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";

/** Where a command that sends requests as a client has its API key from. */
export interface ClientKeyFlags {
  readonly keyFile?: string;
}

const keyVariable = "OPENAI_API_KEY";
/** What a header can carry. */
const keyForm = /^[!-~]{1,8192}$/;

export function withClientKeyFlag(command: Command): Command {
  return command.option(
    "--key-file <file>",
    `file with the API key that the requests carry (default: the environment's ${keyVariable}, where it is set)`,
  );
}

/** The `authorization` header of requests; nothing where there is no key. Throws CommandError; no message shows the key. */
export async function clientAuthorization(
  { keyFile }: ClientKeyFlags,
  { env }: Pick<Io, "env">,
): Promise<{ readonly authorization?: string }> {
  if (keyFile !== undefined) {
    const { key } = await readEndpointKey(keyFile).catch((cause: Error) => {
      throw new CommandError(`--key-file: ${cause.message}`, { cause });
    });
    return { authorization: `Bearer ${key}` };
  }
  const key = env[keyVariable]?.trim() ?? "";
  if (key === "") return {};
  if (!keyForm.test(key)) {
    throw new CommandError(
      `the environment's ${keyVariable} can't be sent in a header: it has blanks or is too long`,
    );
  }
  return { authorization: `Bearer ${key}` };
}
