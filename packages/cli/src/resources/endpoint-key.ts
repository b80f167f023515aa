import { CommandError } from "../errors.ts";

/** Returns the value of the `authorization` header; undefined without a file. Throws CommandError, which never contains the key. */
export async function authorizationFrom(
  file: string | undefined,
  flag: string,
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  // Loading the sidecar takes half a second, which a command that only checks this file would spend at each start.
  const { readEndpointKey } = await import("@umbra/sidecar");
  const { key } = await readEndpointKey(file).catch((cause: Error) => {
    throw new CommandError(`${flag}: ${cause.message}`, { cause });
  });
  return `Bearer ${key}`;
}
