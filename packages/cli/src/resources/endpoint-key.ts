import { readEndpointKey } from "@umbra/sidecar";
import { CommandError } from "../errors.ts";

/** Help of `--endpoint-key-file`, the same in every command that has it. */
export const endpointKeyHelp =
  "key that Umbra's own requests to endpoints carry (vLLM: --api-key), for model lists and metrics; in plain text, or over TLS that is not verified, where no BackendTLSPolicy says otherwise; read again when the file changes";

/** Value of the `authorization` header; undefined where no file is given. Throws CommandError. */
export async function endpointAuthorization(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const { key } = await readEndpointKey(file).catch((cause: Error) => {
    throw new CommandError(`--endpoint-key-file: ${cause.message}`, { cause });
  });
  return `Bearer ${key}`;
}
