// Tells in milliseconds whether anything changed since a step last succeeded, so that the step can be left out.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

const skipped = new Set(["node_modules", "dist", "cjs", ".cache"]);

/** A hash of the names, sizes and times of files; folders count with all that they hold, dependencies and outputs left out. */
export function fingerprintOf(paths) {
  const hash = createHash("sha256").update(process.version);
  for (const path of paths) addTo(hash, path);
  return hash.digest("hex");
}

function addTo(hash, path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) {
    hash.update(`${path} ${found?.size} ${found?.mtimeMs}\n`);
    return;
  }
  for (const name of readdirSync(path).sort()) {
    if (!skipped.has(name)) addTo(hash, join(path, name));
  }
}

/** What the compiler keeps in its output, in `dist` and `cjs` of a package: it is gone when the output was removed. */
export function buildRecordsOf(folder) {
  return ["dist", "cjs"]
    .map((name) => join(folder, name))
    .filter((output) => existsSync(output))
    .flatMap((output) => readdirSync(output).map((name) => join(output, name)))
    .filter((path) => path.endsWith(".tsbuildinfo"));
}

/** Whether the step that keeps `stamp` last succeeded with this fingerprint. */
export function isStamped(stamp, fingerprint) {
  try {
    return readFileSync(stamp, "utf8") === fingerprint;
  } catch {
    return false;
  }
}

/** Notes that the step succeeded. A copy of the checkout that shares the file by a hard link keeps its own. */
export function writeStamp(stamp, fingerprint) {
  mkdirSync(dirname(stamp), { recursive: true });
  const draft = `${stamp}.${process.pid}`;
  writeFileSync(draft, fingerprint);
  renameSync(draft, stamp);
}
