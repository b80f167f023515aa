import { expect, test } from "@jest/globals";
import { expectGolden } from "../../../testing/golden.ts";
import { caseNames, fileOf, outputNames, renderCase } from "./golden-case.ts";

test.each(caseNames)("renders %s like the files in its folder", (name) => {
  const rendered = renderCase(name);
  for (const file of outputNames) expectGolden(rendered[file], fileOf(name, file));
});

test("a plain mirror needs no lane and no sidecar", () => {
  expect(renderCase("plain-mirror")["envoy.yaml"]).not.toContain("ext_proc.v3");
});
