import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { diagnosticCodes, formatDiagnostic, readTopology } from "@umbra/envoy-config";
import { expectSameText } from "../../../testing/golden.ts";

const path = new URL("../../../docs/errors.md", import.meta.url);
let page = readFileSync(path, "utf8");

/** Returns the text from the heading to the next heading. */
function sectionOf(text: string, code: string): string {
  const found = new RegExp(`\n### ${code}\n(.*?)(?=\n##? |\n### |$(?![\\s\\S]))`, "s").exec(text);
  return found?.[1] ?? "";
}

/** Returns the example of a section: the resources, the output of `umbra check`, and the fix. */
function exampleOf(section: string) {
  const block = (language: string) =>
    new RegExp("```" + language + "\\n(.*?)```", "s").exec(section)?.[1];
  return { input: block("yaml"), output: block("console"), diff: block("diff") };
}

/** Returns the output of `umbra check -f example.yaml` for the code. */
function outputOf(input: string, code: string): string {
  const { diagnostics } = readTopology([{ name: "example.yaml", text: input }]);
  return diagnostics
    .filter((each) => each.code === code)
    .map((each) => `${formatDiagnostic(each)}\n`)
    .join("");
}

/**
 * Applies a diff: removes lines with `-`, adds lines with `+`, and keeps lines with a space. The removed and kept
 * lines must be a contiguous part of the input.
 */
function patched(input: string, diff: string): string {
  const changes = diff.trimEnd().split("\n");
  const before = changes.filter((line) => !line.startsWith("+")).map((line) => line.slice(1));
  const after = changes.filter((line) => !line.startsWith("-")).map((line) => line.slice(1));
  const piece = `${before.join("\n")}\n`;
  if (!input.includes(piece)) throw new Error(`the example does not contain\n${piece}`);
  return input.replace(piece, () => after.map((line) => `${line}\n`).join(""));
}

if (process.env.UPDATE_GOLDEN === "1") {
  let text = page;
  for (const code of Object.keys(diagnosticCodes)) {
    const section = sectionOf(text, code);
    const { input, output } = exampleOf(section);
    if (input === undefined) continue;
    const block = `\`\`\`console\n${outputOf(input, code)}\`\`\`\n`;
    const written =
      output === undefined
        ? section.replace(/(```yaml\n.*?```\n)/s, (yaml) => `${yaml}\n${block}`)
        : section.replace(/```console\n.*?```\n/s, () => block);
    text = text.replace(section, () => written);
  }
  writeFileSync(path, text);
  page = text;
}

describe.each(Object.entries(diagnosticCodes))("the section of %s", (code, about) => {
  const section = sectionOf(page, code);
  const { input, output, diff } = exampleOf(section);

  test("has the meaning and the fix of the code", () => {
    expect(section.toLowerCase()).toContain(`**${about.meaning.toLowerCase()}**`);
    expect(section).toContain(`To fix: ${about.remedy}.`);
  });

  if (input !== undefined) {
    test("has an example with the output of umbra check", () => {
      expect(outputOf(input, code)).not.toBe("");
      expectSameText(outputOf(input, code), output ?? "", `docs/errors.md, ${code}`);
    });
  }

  if (input !== undefined && diff !== undefined) {
    test("has a fix after which umbra check no longer reports it", () => {
      expect(outputOf(patched(input, diff), code)).toBe("");
    });
  }
});

/** Codes without an example: about flags, Envoy, too many findings, and Secrets. */
const elsewhere = ["UMB0109", "UMB0207", "UMB0228", "UMB0233", "UMB0312", "UMB0313", "UMB0321"];

/** Codes without a fix: an unused kind and another endpoint picker are not errors. */
const nothingToFix = ["UMB0107", "UMB0230"];

test("every code for resources has an example, and every example has a fix", () => {
  const examples = Object.keys(diagnosticCodes).map((code) => ({
    code,
    ...exampleOf(sectionOf(page, code)),
  }));
  const without = examples.filter(({ input }) => input === undefined).map(({ code }) => code);
  expect(without.filter((code) => code < "UMB0400")).toEqual(elsewhere);
  const unfixed = examples.filter(({ input, diff }) => input !== undefined && diff === undefined);
  expect(unfixed.map(({ code }) => code)).toEqual(nothingToFix);
});
