import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import ts from "typescript";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folders = readdirSync(join(root, "packages"));
const repository = "https://github.com/umbra-dev/umbra";
const { engines, license } = manifestOf(".");

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
}

/** The ends of a map of exports: each a file of the package, with the conditions on the way to it. */
function targetsOf(node, conditions = []) {
  if (typeof node === "string") return [{ file: node, conditions }];
  return Object.entries(node).flatMap(([key, next]) => targetsOf(next, [...conditions, key]));
}

describe.each(folders)("the package.json of %s", (folder) => {
  const manifest = manifestOf(join("packages", folder));

  test("says what it is, whose and under which licence", () => {
    expect(manifest).toMatchObject({
      name: `@umbra/${folder}`,
      description: expect.stringMatching(/^[A-Z].{20,}\.$/),
      license,
      homepage: `${repository}/tree/main/packages/${folder}#readme`,
      bugs: `${repository}/issues`,
      repository: {
        type: "git",
        url: `git+${repository}.git`,
        directory: `packages/${folder}`,
      },
      type: "module",
      engines,
      sideEffects: false,
      publishConfig: { access: "public", provenance: true },
    });
  });

  test("has keywords by which it is found", () => {
    const { keywords } = manifest;
    expect(keywords.length).toBeGreaterThanOrEqual(4);
    expect(new Set(keywords).size).toBe(keywords.length);
    expect(keywords.filter((each) => !/^[a-z0-9][a-z0-9_-]*$/.test(each))).toEqual([]);
  });

  test("publishes code, types and sources, and no tests", () => {
    expect(manifest.files).toEqual(expect.arrayContaining(["dist", "src"]));
    expect(manifest.files).not.toContain("test");
    expect(existsSync(join(root, "packages", folder, "README.md"))).toBe(true);
  });

  test("keeps the compiler's records in the output, and does not publish them", () => {
    expect(manifest.files.at(-1)).toBe("!**/*.tsbuildinfo");
    const home = join(root, "packages", folder);
    const configs = readdirSync(home).filter((name) => /^tsconfig.*\.json$/.test(name));
    const records = configs.map((name) => {
      const { config } = ts.readConfigFile(join(home, name), ts.sys.readFile);
      const { options } = ts.parseJsonConfigFileContent(config, ts.sys, home, {}, name);
      expect(dirname(options.tsBuildInfoFile)).toBe(options.outDir);
      return options.tsBuildInfoFile;
    });
    expect(new Set(records).size).toBe(configs.length);
  });

  test("exports sources that exist, and for applications a build of them with types", () => {
    const { "./internal": internal, ...entries } = manifest.exports;
    expect(internal).toEqual({ "@umbra/source": "./src/internal.ts" });
    for (const entry of Object.values(entries)) {
      const targets = targetsOf(entry);
      const ofCondition = (name) =>
        targets.filter(({ conditions }) => conditions.includes(name)).map(({ file }) => file);
      const [source] = ofCondition("@umbra/source");
      expect(existsSync(join(root, "packages", folder, source))).toBe(true);
      const built = source.replace(/^\.\/src\/(.*)\.ts$/, "$1");
      expect(ofCondition("default")).toContain(`./dist/${built}.js`);
      expect(ofCondition("types")).toContain(`./dist/${built}.d.ts`);
    }
  });

  test("depends on exact versions", () => {
    const { dependencies = {} } = manifest;
    const loose = Object.entries(dependencies).filter(
      ([name, version]) =>
        !(name.startsWith("@umbra/") ? version === "workspace:*" : /^\d+\.\d+\.\d+$/.test(version)),
    );
    expect(loose).toEqual([]);
  });
});

test("all packages have one version", () => {
  const versions = folders.map((folder) => manifestOf(join("packages", folder)).version);
  expect(new Set(versions).size).toBe(1);
});

test("nothing that users copy imports an internal entry", () => {
  const places = [
    "examples",
    "docs",
    "README.md",
    ...folders.map((each) => `packages/${each}/README.md`),
  ];
  const files = places.flatMap((place) =>
    existsSync(join(root, place)) && !place.endsWith(".md")
      ? readdirSync(join(root, place), { recursive: true, withFileTypes: true })
          .filter((each) => each.isFile() && /\.(ts|md)$/.test(each.name))
          .map((each) => join(each.parentPath, each.name))
      : [join(root, place)],
  );
  expect(files.length).toBeGreaterThan(20);
  const importing = files.filter((file) =>
    /["']@umbra\/[\w-]+\/internal["']/.test(readFileSync(file, "utf8")),
  );
  expect(importing).toEqual([]);
});
