import { readEndpointKey } from "@umbra/sidecar";
import { CommandError } from "../errors.ts";

/** Value of the `authorization` header; undefined where no file is given. Throws CommandError. */
export async function endpointAuthorization(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const { key } = await readEndpointKey(file).catch((cause: Error) => {
    throw new CommandError(`--endpoint-key-file: ${cause.message}`, { cause });
  });
  return `Bearer ${key}`;
}
