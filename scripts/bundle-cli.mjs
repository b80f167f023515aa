// Bundles the built CLI with its dependencies into .cache/bundle, a folder with the shape of `packages/`: a command that loads a
// dozen files starts three times as fast as one that loads a thousand. Tests and `npm run demo` start hundreds of commands.
import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";
import { publishBundle } from "./publish-bundle.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const packages = join(root, "packages");
const outdir = join(root, ".cache", "bundle");
/** Where the bundle grows, so that one that fails halfway is never started. */
const draft = join(root, ".cache", `bundle-${process.pid}`);

/** What `bin/umbra.js` imports. */
const commandFiles = ["cli/dist/main.js", "cli/dist/process/heap-growth.js"];

rmSync(draft, { recursive: true, force: true });
await bundle({
  entryPoints: [...commandFiles, ...threadFiles()].map((file) => join(packages, file)),
  splitting: true,
  outbase: packages,
  outdir: draft,
  addressOf,
});
mkdirSync(join(draft, "cli/bin"), { recursive: true });
copyFileSync(join(packages, "cli/bin/umbra.js"), join(draft, "cli/bin/umbra.js"));
publishBundle(draft, outdir);

/** The files that threads start with, relative to `packages`. */
function threadFiles() {
  return readdirSync(packages)
    .flatMap((name) => {
      const output = join(packages, name, "dist");
      return readdirSync(output, { recursive: true }).map((file) => join(output, file));
    })
    .filter((file) => basename(file) === "worker.js")
    .map((file) => relative(packages, file));
}

/** That of the built file, except where it leads to another part of the bundle: to a thread's file or to the command. */
function addressOf({ path, text }) {
  const startsBundle = /new Worker\(|bin\/umbra\.js/.test(text);
  return startsBundle ? join(outdir, relative(packages, path)) : path;
}
