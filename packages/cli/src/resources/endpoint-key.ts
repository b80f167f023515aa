import { readEndpointKey } from "@umbra/sidecar";
import { CommandError } from "../errors.ts";

/** Value of the `authorization` header; undefined where no file is given. Throws CommandError, which does not show the key. */
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
