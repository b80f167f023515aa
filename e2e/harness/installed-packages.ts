import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Manifest {
  readonly version: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Packs all packages into a folder, as a release does. */
export function packAll(to: string): void {
  const pnpm = join(root, ".cache/tools/node_modules/.bin/pnpm");
  const flags = ["--config.pnpmfile=scripts/pack-hooks.cjs", "--recursive"];
  run(pnpm, [...flags, "--filter", "./packages/*", "pack", "--pack-destination", to], root);
}

/** The tarball that `packAll` made of a package. */
export function tarballOf(name: string, folder: string): string {
  const { version } = manifestIn(join(root, "packages", name));
  return join(folder, `umbra-${name}-${version}.tgz`);
}

/** Installs tarballs as a user does it, with the registry of npm's settings. 12,000 files take half a minute of CPU. */
export function installByNpm(names: readonly string[], home: string): void {
  const flags = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  const tarballs = names.map((name) => tarballOf(name, home));
  run("npm", ["install", "--prefix", home, ...flags, ...tarballs], home);
}

/**
 * Unpacks tarballs into `node_modules` of a folder, and links their commands. What a package depends on it finds only if it
 * names it: a link to this repository's copy is in its own `node_modules`.
 */
export function installByLinks(names: readonly string[], home: string): void {
  for (const name of names) {
    const folder = join(home, "node_modules/@umbra", name);
    mkdirSync(folder, { recursive: true });
    run("tar", ["-xzf", tarballOf(name, home), "-C", folder, "--strip-components=1"], home);
    const { bin = {}, dependencies = {}, peerDependencies = {} } = manifestIn(folder);
    for (const each of Object.keys({ ...dependencies, ...peerDependencies })) {
      const target = join(root, "packages", name, "node_modules", each);
      if (each.startsWith("@umbra/") || !existsSync(target)) continue;
      link(realpathSync(target), join(folder, "node_modules", each));
    }
    for (const [command, file] of Object.entries(bin))
      link(join(folder, file), join(home, "node_modules/.bin", command));
  }
}

/** The packages of the repository, without their scope. */
export function packageNames(): readonly string[] {
  return readdirSync(join(root, "packages"));
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

function manifestIn(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** Runs a command to its end, and returns what it printed. Throws with its output if it fails. */
export function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}
