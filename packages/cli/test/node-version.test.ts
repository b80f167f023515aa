import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";

const bin = fileURLToPath(new URL("../bin/umbra.js", import.meta.url));

test.each(["18.20.0", "20.20.2", "22.18.0"])("on Node %s it says how to get another", (version) => {
  const code = `for (const [name, value] of [["versions", { node: "${version}" }], ["version", "v${version}"]])
  Object.defineProperty(process, name, { value });`;
  const flags = ["--import", `data:text/javascript,${encodeURIComponent(code)}`];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, bin, "--version"], {
    encoding: "utf8",
  });
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toBe(
    `error: Umbra needs Node 22.19 or later, this is v${version}: install it, or run \`npx -p node@22 umbra …\`; in a checkout run \`npm run setup\`, then \`npx umbra\`\n`,
  );
});
