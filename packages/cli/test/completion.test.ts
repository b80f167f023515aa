import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runCommand } from "./run-command.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-completion-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The typed text, words that must be offered, and words that must not. */
const cases: readonly {
  readonly typed: readonly string[];
  readonly offered: readonly string[];
  readonly not: readonly string[];
}[] = [
  { typed: [""], offered: ["check", "render", "shadow"], not: ["pause"] },
  { typed: ["che"], offered: ["check"], not: ["render"] },
  { typed: ["do"], offered: ["docs", "doctor"], not: ["check"] },
  { typed: ["docs", "-o", ""], offered: ["json", "table"], not: ["check"] },
  { typed: ["check", "--fi"], offered: ["--file"], not: ["--samples"] },
  { typed: ["check", "-o", ""], offered: ["json", "sarif"], not: ["check", "--file"] },
  { typed: ["shadow", ""], offered: ["pause", "resume"], not: ["check"] },
  { typed: ["completion", "bash", ""], offered: [], not: ["check"] },
];

beforeAll(async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { status, stdout } = await runCommand(["completion", shell]);
    expect(status).toBe(0);
    writeFileSync(join(folder, shell), stdout);
  }
});

function has(shell: string): boolean {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.some((each) => existsSync(join(each, shell)));
}

function completeInBash(typed: readonly string[]): readonly string[] {
  const script = `source "$1"; shift; COMP_WORDS=(umbra "$@"); COMP_CWORD=$#; _umbra; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const args = ["--norc", "-c", script, "bash", join(folder, "bash"), ...typed];
  const { stdout, stderr, status } = spawnSync("bash", args, { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((line) => line !== "");
}

describe.each(cases)("after umbra $typed", ({ typed, offered, not }) => {
  test("bash offers the next words", () => {
    const words = completeInBash(typed);
    expect(words).toEqual(expect.arrayContaining([...offered]));
    expect(words.filter((word) => not.includes(word))).toEqual([]);
  });

  (has("fish") ? test : test.skip)("fish offers the next words", () => {
    const line = ["umbra", ...typed].join(" ");
    const script = `source ${join(folder, "fish")}; complete -C '${line}'`;
    const { stdout, stderr } = spawnSync("fish", ["--no-config", "-c", script], {
      encoding: "utf8",
    });
    const words = stdout.split("\n").map((each) => each.split("\t")[0] ?? "");
    expect(stderr).toBe("");
    expect(words).toEqual(expect.arrayContaining([...offered]));
    expect(words.filter((word) => not.includes(word))).toEqual([]);
  });
});

(has("zsh") ? test : test.skip)("zsh loads its script", () => {
  const { status, stderr } = spawnSync("zsh", ["-f", "-n", join(folder, "zsh")], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
});

test("an unknown shell is rejected with the list of choices", async () => {
  const { status, stderr } = await runCommand(["completion", "tcsh"]);
  expect(status).toBe(2);
  expect(stderr).toContain("bash, zsh, fish");
});
