// Run by a package's prepack and postpack: `node ../../scripts/pack-files.mjs copy|remove`. Copies what the package reads of
// the repository into its folder while it is packed, so that it is in the tarball as well.
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = process.cwd();
const { name } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
/** By package: files and folders of the repository. */
const shared = {
  "@umbra/cli": [
    ...["docs", "deploy/crds", "deploy/kubernetes"],
    ...["examples/mirror", "examples/demo", "examples/evaluation"],
  ],
};

switch (process.argv[2]) {
  case "copy":
    if (process.env.npm_config_user_agent?.startsWith("npm/")) {
      fail(
        `pack ${name} with pnpm: npm leaves "workspace:*" in its dependencies, which nobody can install`,
      );
    }
    if (!existsSync(join(folder, "dist")))
      fail(`${name} is not built: run \`npm run build\` first`);
    remove();
    for (const path of shared[name] ?? []) {
      cpSync(join(root, path), join(folder, path), { recursive: true, filter: isSmall });
    }
    break;
  case "remove":
    remove();
    break;
  default:
    fail("takes copy or remove");
}

/** Pictures are the largest part of the documentation, and no command shows them. */
function isSmall(path) {
  return !path.endsWith(".png");
}

/** A copy that stays would be read in place of the repository's file. */
function remove() {
  const tops = (shared[name] ?? []).map((path) => path.split("/")[0] ?? path);
  for (const top of new Set(tops)) {
    rmSync(join(folder, top), { recursive: true, force: true });
  }
}

function fail(words) {
  process.stderr.write(`pack: error: ${words}\n`);
  process.exit(1);
}
