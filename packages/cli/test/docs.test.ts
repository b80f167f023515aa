import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { runCommand } from "./run-command.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

interface Page {
  readonly topic: string;
  readonly title: string;
  readonly url: string;
  readonly file?: string;
}

describe("umbra docs", () => {
  test("lists every topic with one line on each", async () => {
    const { status, stdout } = await runCommand(["docs"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ {2}evaluate +Evaluate a new model\n {16}find out from live traffic/m);
    expect(stdout).toMatch(/^ {2}errors +Errors$/m);
  });

  test("shows where one page is, on the web and on this machine", async () => {
    const { status, stdout } = await runCommand(["docs", "errors"]);
    expect(status).toBe(0);
    expect(stdout).toContain("web:  https://github.com/umbra-dev/umbra/blob/main/docs/errors.md\n");
    expect(stdout).toContain(`file: ${root}docs/errors.md\n`);
  });

  test("names only pages that exist, in the repository that the package names", async () => {
    const { stdout } = await runCommand(["docs", "-o", "json"]);
    const pages = JSON.parse(stdout) as readonly Page[];
    const manifest = readFileSync(`${root}packages/cli/package.json`, "utf8");
    const { repository } = JSON.parse(manifest) as {
      readonly repository: { readonly url: string };
    };
    const home = repository.url.replace(/^git\+|\.git$/g, "");
    expect(pages.length).toBeGreaterThan(10);
    expect(pages.map(({ url }) => url.startsWith(`${home}/blob/main/`))).not.toContain(false);
    expect(pages.map(({ file = "" }) => existsSync(file))).not.toContain(false);
  });

  test("refuses a topic that there is not, and names those that there are", async () => {
    const { status, stderr } = await runCommand(["docs", "nonsense"]);
    expect(status).toBe(2);
    expect(stderr).toContain("Allowed choices are start, evaluate, servers");
  });
});
