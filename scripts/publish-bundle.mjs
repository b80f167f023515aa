import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

/** For how long a command that runs may load parts of a bundle that was replaced, in milliseconds. */
const keptMs = 3_600_000;
/** What only earlier bundles had, and when each was replaced. */
const replacedFile = "replaced.json";

/**
 * Moves a finished bundle over the one that is there, file by file. Commands that run load parts of theirs late, by names that change
 * with their content: those parts stay for an hour.
 *
 * @param now in milliseconds since the epoch
 */
export function publishBundle(draft, outdir, now = Date.now()) {
  const files = filesOf(draft);
  // Those that commands start with lie deeper than the parts, and come when all that they import is there.
  for (const file of files.toSorted((a, b) => depthOf(a) - depthOf(b))) {
    mkdirSync(dirname(join(outdir, file)), { recursive: true });
    renameSync(join(draft, file), join(outdir, file));
  }
  rmSync(draft, { recursive: true });
  removeReplaced(outdir, new Set(files), now);
}

function removeReplaced(outdir, current, now) {
  const known = readReplaced(outdir);
  const replaced = {};
  for (const file of filesOf(outdir)) {
    if (current.has(file) || file === replacedFile) continue;
    const replacedAtMs = known[file] ?? now;
    if (now - replacedAtMs > keptMs) rmSync(join(outdir, file));
    else replaced[file] = replacedAtMs;
  }
  // A copy of the checkout may share the file by a hard link.
  rmSync(join(outdir, replacedFile), { force: true });
  writeFileSync(join(outdir, replacedFile), JSON.stringify(replaced));
}

function readReplaced(outdir) {
  try {
    return JSON.parse(readFileSync(join(outdir, replacedFile), "utf8"));
  } catch {
    return {};
  }
}

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

function depthOf(file) {
  return file.split(sep).length;
}
