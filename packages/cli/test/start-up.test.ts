import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

const main = new URL("../src/main.ts", import.meta.url).href;

/** The packages that a process loads for one command line, and the folders of this repository's packages. */
function loadedBy(...args: readonly string[]): ReadonlySet<string> {
  const code = `
    import { registerHooks } from "node:module";
    const urls = [];
    registerHooks({ load: (url, context, next) => { urls.push(url); return next(url, context); } });
    const { main } = await import(${JSON.stringify(main)});
    await main(["node", "umbra", ...${JSON.stringify(args)}]);
    console.log(JSON.stringify(urls));`;
  const flags = ["--conditions=@umbra/source", "--disable-warning=ExperimentalWarning"];
  const stdout = execFileSync(process.execPath, [...flags, "--input-type=module", "-e", code], {
    encoding: "utf8",
    cwd: fileURLToPath(new URL("..", import.meta.url)),
  });
  const urls = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as readonly string[];
  const nameOf = (url: string) =>
    /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? /\/packages\/([^/]+)/.exec(url)?.[1];
  return new Set(urls.map(nameOf).filter((name) => name !== undefined));
}

// Each start of a command pays for what it loads; the sidecar and what it imports are most of all modules.
test.each([
  { args: ["--version"], never: ["envoy-config", "sidecar", "undici"] },
  { args: ["up", "--help"], never: ["sidecar", "undici"] },
  { args: ["shadow", "--help"], never: ["envoy-config", "sidecar"] },
])("umbra $args loads none of $never", ({ args, never }) => {
  const loaded = loadedBy(...args);
  expect([...loaded]).toContain("commander");
  expect(never.filter((name) => loaded.has(name))).toEqual([]);
});
