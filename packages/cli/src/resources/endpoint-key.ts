import { readEndpointKey } from "@umbra/sidecar";
import { CommandError } from "../errors.ts";

/** Returns the value of the `authorization` header; undefined without a file. Throws CommandError, which never contains the key. */
export async function authorizationFrom(
  file: string | undefined,
  flag: string,
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const { key } = await readEndpointKey(file).catch((cause: Error) => {
    throw new CommandError(`${flag}: ${cause.message}`, { cause });
  });
  return `Bearer ${key}`;
}
