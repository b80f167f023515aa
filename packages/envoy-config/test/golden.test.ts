import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import {
  type CaseOutput,
  caseNames,
  casesFolder,
  fileOf,
  outputNames,
  renderCase,
} from "./golden-case.ts";

/** `UPDATE_GOLDEN=1` rewrites the files, to be reviewed as a diff. */
const shouldUpdate = process.env.UPDATE_GOLDEN === "1";

test.each(caseNames)("renders %s like the files in its folder", (name) => {
  const rendered = renderCase(name);
  if (shouldUpdate) write(name, rendered);
  expect(rendered).toEqual(kept(name));
});

test("a plain mirror needs no lane and no sidecar", () => {
  expect(renderCase("plain-mirror")["envoy.yaml"]).not.toContain("ext_proc.v3");
});

function kept(name: string): CaseOutput {
  const files = readdirSync(new URL(`${name}/`, casesFolder));
  return Object.fromEntries(
    outputNames
      .filter((file) => files.includes(file))
      .map((file) => [file, readFileSync(fileOf(name, file), "utf8")]),
  );
}

function write(name: string, output: CaseOutput): void {
  for (const file of outputNames) {
    const text = output[file];
    if (text === undefined) rmSync(fileOf(name, file), { force: true });
    else writeFileSync(fileOf(name, file), text);
  }
}
