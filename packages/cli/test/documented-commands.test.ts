import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import type { Io } from "@umbra/cli";
import { program } from "@umbra/cli/internal";
import { readTopology } from "@umbra/envoy-config";
import type { Command } from "commander";
import { parseAllDocuments } from "yaml";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const folders = ["", "docs", "docs/reference", "examples"];
const inside = ["packages", "examples"].flatMap((folder) =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${folder}/${name}`),
);

/** Every page that shows how Umbra is used, by its path. */
const pages = [...folders, ...inside]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
      .map(({ name }) => join(root, folder, name)),
  )
  .map((path) => ({ path: relative(root, path), text: readFileSync(path, "utf8") }))
  .filter(({ path }) => !/^(?:CHANGELOG|docs\/errors)\.md$/.test(path));

function blocksOf(text: string, language: RegExp): readonly string[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```/gms)]
    .filter(([, word = ""]) => language.test(word))
    .map(([, , code = ""]) => code);
}

/** What follows `umbra` in shell code and in running text, as words; up to a pipe, a comment or the end. */
function commandLinesOf(text: string): readonly (readonly string[])[] {
  const shell = blocksOf(text, /^(?:|sh|console)$/)
    .flatMap((code) => code.replaceAll("\\\n", " ").split("\n"))
    .flatMap((line) => [...line.matchAll(/(?:^|\| |\$ |[a-z]\.mjs )(?:npx )?umbra ([a-z].*)$/g)]);
  const inline = [...text.matchAll(/`(?:npx )?umbra ([a-z][^`]*)`/g)];
  return [...shell, ...inline].map(([, rest = ""]) =>
    (rest.split(/ (?:[|>&#]| {2,})| {3,}/)[0] ?? "").split(/\s+/).filter((word) => word !== ""),
  );
}

const umbra = program({ stdout() {}, stderr() {}, env: {} } as unknown as Io);

/** What is wrong with a command line: no such command, or no such flag. */
function faultOf(words: readonly string[]): string | undefined {
  let command: Command = umbra;
  let rest = [...words];
  for (let found = next(command, rest[0]); found !== undefined; found = next(command, rest[0])) {
    command = found;
    rest = rest.slice(1);
  }
  if (command === umbra) return /^[A-Z|]/.test(rest[0] ?? "") ? undefined : `no command ${rest[0]}`;
  const until = rest.indexOf("--");
  const flags = (until < 0 ? rest : rest.slice(0, until)).filter((word) => /^--?[a-z]/.test(word));
  const known = (word: string) =>
    word === "--help" ||
    command.options.some(({ short, long }) => [short, long].includes(word.split("=")[0]));
  const unknown = flags.find((word) => !known(word.replace(/[,.;:)]$/, "")));
  return unknown === undefined ? undefined : `umbra ${words.join(" ")}: no flag ${unknown}`;
}

function next(command: Command, word: string | undefined): Command | undefined {
  return command.commands.find((each) => each.name() === word);
}

describe("what the documentation shows", () => {
  test("has commands and resources at all", () => {
    expect(pages.flatMap(({ text }) => commandLinesOf(text)).length).toBeGreaterThan(80);
    expect(pages.flatMap(({ text }) => blocksOf(text, /^yaml$/)).length).toBeGreaterThan(10);
  });

  test("the check knows a command or flag that there is not", () => {
    expect(faultOf(["rendr", "-f", "x"])).toBe("no command rendr");
    expect(faultOf(["render", "--nonsense"])).toBe("umbra render --nonsense: no flag --nonsense");
    expect(faultOf(["shadow", "percent", "10", "--candidate", "b"])).toBeUndefined();
  });

  test.each(pages)("$path names commands and flags that there are", ({ text }) => {
    expect(commandLinesOf(text).flatMap((words) => faultOf(words) ?? [])).toEqual([]);
  });

  test.each(pages.filter(({ text }) => blocksOf(text, /^yaml$/).length > 0))(
    "$path has YAML that can be read, and resources without mistakes",
    ({ path, text }) => {
      const documents = blocksOf(text, /^yaml$/).flatMap((code) => parseAllDocuments(code));
      expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
      const resources = documents.filter((each) => each.has("apiVersion") && each.has("kind"));
      const files = [{ name: path, text: resources.map(String).join("\n---\n") }];
      const mistakes = readTopology(files).diagnostics.filter(
        ({ code }) => /^UMB01/.test(code) && !["UMB0107", "UMB0109"].includes(code),
      );
      expect(mistakes.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
    },
  );
});
