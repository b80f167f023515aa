// Runs all tests, or those of one kind: `node scripts/test.mjs [unit|e2e] [jest arguments]`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const jest = fileURLToPath(new URL("../node_modules/jest/bin/jest.js", import.meta.url));
const [kind, ...rest] = process.argv.slice(2);
const folders = { unit: ["packages/", "scripts/"], e2e: ["e2e/"] };
const isKind = kind !== undefined && Object.hasOwn(folders, kind);
const others = isKind ? rest : process.argv.slice(2);
// Jest runs what any pattern matches: beside a file or folder of the kind, its own would match all.
const isNarrowed =
  isKind &&
  others.some((each) => folders[kind].some((folder) => each.startsWith(folder.slice(0, -1))));
const paths = isKind && !isNarrowed ? folders[kind] : [];

const folder = mkdtempSync(join(tmpdir(), "umbra-tally-"));
const tally = join(folder, "tally.txt");
const { status } = spawnSync(
  process.execPath,
  ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning", jest, ...paths, ...others],
  { cwd: root, stdio: "inherit", env: { ...process.env, TALLY_FILE: tally } },
);
process.stdout.write(existsSync(tally) ? `\n${readFileSync(tally, "utf8")}` : "\nno test ran\n");
rmSync(folder, { recursive: true, force: true });
process.exitCode = status ?? 1;
