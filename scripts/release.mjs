// Builds what a release publishes, into one folder: tarballs of all packages, CHANGELOG, licences and bill of materials, checksums.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { billOfMaterials, licenceList } from "./bill-of-materials.mjs";
import { addRelease, readChanges } from "./changelog.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Relative to the root, also where a package is packed. */
const packHooks = "--config.pnpmfile=scripts/pack-hooks.cjs";
const usage = `Usage: npm run release -- [--dry-run] [--to DIR]

Builds the packages of the version in package.json files, and everything else that a release consists of.

  --dry-run   changes nothing in the checkout; without it CHANGELOG.md is written and the files of changes/ are removed
  --to DIR    where the files go (default: .cache/release); what is there is removed

Publishing is a step of its own: see docs/RELEASING.md.
`;

main();

function main() {
  const { values } = parseArgs({
    options: {
      "dry-run": { type: "boolean", default: false },
      to: { type: "string", default: join(root, ".cache/release") },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const to = values.to;
  const version = oneVersion();
  if (!values["dry-run"] && run("git", ["status", "--porcelain"]) !== "")
    fail("the checkout has changes that are not committed: commit or stash them first");
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  say("building");
  run("pnpm", ["run", "build"]);
  say("packing");
  for (const name of packageNames())
    run("pnpm", [packHooks, "pack", "--pack-destination", to], join(root, "packages", name));
  const changelog = addRelease(readFileSync(join(root, "CHANGELOG.md"), "utf8"), {
    version,
    changes: readChanges(changeFiles()),
  });
  writeFileSync(join(to, "CHANGELOG.md"), changelog);
  const licences = JSON.parse(run("pnpm", ["licenses", "list", "--json", "--prod"]));
  const lockfile = readFileSync(join(root, "pnpm-lock.yaml"), "utf8");
  writeFileSync(join(to, "licences.md"), licenceList(licences));
  writeFileSync(join(to, "sbom.cdx.json"), billOfMaterials({ licences, lockfile, version }));
  writeSums(to);
  if (!values["dry-run"]) {
    writeFileSync(join(root, "CHANGELOG.md"), changelog);
    for (const { name } of changeFiles()) rmSync(join(root, "changes", name));
  }
  for (const name of readdirSync(to).sort()) {
    const bytes = statSync(join(to, name)).size;
    process.stdout.write(`${(bytes / 1_024).toFixed(1).padStart(9)} KiB  ${name}\n`);
  }
}

function packageNames() {
  return readdirSync(join(root, "packages")).sort();
}

/** All packages are released together, with one version. */
function oneVersion() {
  const found = new Map();
  for (const name of packageNames()) {
    const { version } = JSON.parse(
      readFileSync(join(root, "packages", name, "package.json"), "utf8"),
    );
    found.set(version, [...(found.get(version) ?? []), name]);
  }
  const [[version], ...others] = [...found];
  if (others.length > 0)
    fail(
      `packages have different versions: ${[...found].map(([each, names]) => `${each} (${names.join(", ")})`).join("; ")}`,
    );
  return version;
}

function changeFiles() {
  return readdirSync(join(root, "changes"))
    .filter((name) => name.endsWith(".md") && name !== "README.md")
    .sort()
    .map((name) => ({ name, text: readFileSync(join(root, "changes", name), "utf8") }));
}

function writeSums(to) {
  const lines = readdirSync(to)
    .sort()
    .map((name) => {
      const sum = createHash("sha256")
        .update(readFileSync(join(to, name)))
        .digest("hex");
      return `${sum}  ${name}\n`;
    });
  writeFileSync(join(to, "SHA256SUMS"), lines.join(""));
}

function run(command, args, cwd = root) {
  const path = `${join(root, "node_modules/.bin")}:${join(root, ".cache/tools/node_modules/.bin")}:${process.env.PATH}`;
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
    env: { ...process.env, PATH: path },
  });
  if (status !== 0)
    fail(`${command} ${args.join(" ")}: ${error?.message ?? `${stdout}${stderr}`.trim()}`);
  return stdout;
}

function say(words) {
  process.stderr.write(`release: ${words}\n`);
}

function fail(words) {
  process.stderr.write(`release: error: ${words}\n`);
  process.exit(1);
}
