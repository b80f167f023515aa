// Builds the documentation as a static site, into site/.vitepress/dist. Its dependencies are its own: set-up does not install them.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const site = join(root, "site");
const pnpm = join(root, ".cache/tools/node_modules/.bin/pnpm");

// Pages must be below the site: VitePress resolves what they import from where they are.
rmSync(join(site, "pages"), { recursive: true, force: true });
cpSync(join(root, "docs"), join(site, "pages"), { recursive: true });
const install = ["install", "--ignore-workspace", "--frozen-lockfile", "--silent"];
run(existsSync(pnpm) ? pnpm : "pnpm", install);
run(process.execPath, [join(site, "node_modules/vitepress/bin/vitepress.js"), "build", "."]);
process.stdout.write("site: built into site/.vitepress/dist\n");

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: site, stdio: "inherit" });
  if (error !== undefined) process.stderr.write(`site: ${command}: ${error.message}\n`);
  if (status !== 0) process.exit(status ?? 1);
}
