import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fingerprintOf } from "./fingerprint.mjs";

const threads = createRequire(import.meta.url)("node:worker_threads");
const root = fileURLToPath(new URL("..", import.meta.url));
const cache = join(root, ".cache", "threads");
const bundler = fileURLToPath(new URL("bundle-thread.mjs", import.meta.url));
const inputs = ["packages", "sim", "scripts", "pnpm-lock.yaml"].map((name) => join(root, name));

/**
 * Lets tests start a thread from one file that holds its source and all that this imports. Node reads and strips every source again for
 * each thread, which takes 0.2 to 0.7 s of CPU, and tests start hundreds of threads.
 */
export function startThreadsFromBundles() {
  const { Worker } = threads;
  if (Worker.startsBundles === true) return;
  let folder;
  threads.Worker = class extends Worker {
    static startsBundles = true;

    constructor(file, options) {
      folder ??= join(cache, fingerprintOf(inputs));
      super(isSource(file) ? bundleOf(fileURLToPath(file), folder) : file, options);
    }
  };
}

function isSource(file) {
  return typeof file === "object" && file.protocol === "file:" && file.pathname.endsWith(".ts");
}

function bundleOf(source, folder) {
  const bundle = join(folder, `${createHash("sha256").update(source).digest("hex")}.mjs`);
  if (existsSync(bundle)) return bundle;
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(cache)) {
    if (join(cache, name) !== folder) rmSync(join(cache, name), { recursive: true, force: true });
  }
  const { status, stderr } = spawnSync(process.execPath, [bundler, source, bundle], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the thread of ${source} could not be bundled: ${stderr}`);
  return bundle;
}
