import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { sloPresets } from "@umbra/shadow/evaluation";
import { parse } from "yaml";
import { annotationTexts, labelTexts } from "../src/resources/annotations.ts";
import { resourcesPage, type Schema } from "./resources-page.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const path = `${root}/docs/reference/resources.md`;

const definition = parse(
  readFileSync(`${root}/deploy/crds/shadowpolicies.umbra.dev.yaml`, "utf8"),
) as {
  spec: { versions: [{ schema: { openAPIV3Schema: { properties: { spec: Schema } } } }] };
};
const policy = definition.spec.versions[0].schema.openAPIV3Schema.properties.spec;

test("docs/reference/resources.md has every kind, field, annotation and label", () => {
  const want = resourcesPage(policy);
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(path, want);
  expect(readFileSync(path, "utf8")).toBe(want);
});

test("every field of a ShadowPolicy has a description of whole sentences", () => {
  const bare = undescribed(policy, "spec");
  expect(bare).toEqual([]);
});

test("the definition knows the same presets as the judge", () => {
  const { evaluation } = policy.properties ?? {};
  expect(evaluation?.properties?.slo?.properties?.preset?.enum).toEqual(Object.keys(sloPresets));
});

test("every annotation and label that the code names is on the page, and no other", () => {
  const known = [...annotationTexts, ...labelTexts].map(({ name }) => name);
  const named = sourceFiles()
    .flatMap(
      (file) =>
        readFileSync(file, "utf8").match(/(?<![\w.])umbra\.dev\/[a-z][a-z-]*[a-z]\b(?!\/)/g) ?? [],
    )
    .filter((name) => !/^umbra\.dev\/(?:v\d|gateway$|metrics$)/.test(name));
  expect(known.filter((name, i) => known.indexOf(name) !== i)).toEqual([]);
  expect([...new Set(named)].filter((name) => !known.some((each) => each === name))).toEqual([]);
  expect(named.length).toBeGreaterThan(known.length);
});

function undescribed(schema: Schema, place: string): readonly string[] {
  const inner = schema.items ?? schema.additionalProperties ?? {};
  const fields = { ...schema.properties, ...inner.properties };
  return Object.entries(fields).flatMap(([name, field]) => [
    ...(/^[A-Z`].*\.$/.test(field.description ?? "") ? [] : [`${place}.${name}`]),
    ...undescribed(field, `${place}.${name}`),
  ]);
}

function sourceFiles(): readonly string[] {
  return readdirSync(`${root}/packages`).flatMap((name) =>
    readdirSync(`${root}/packages/${name}/src`, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => `${root}/packages/${name}/src/${file}`),
  );
}
