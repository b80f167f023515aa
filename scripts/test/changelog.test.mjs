import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { billOfMaterials, licenceList } from "../bill-of-materials.mjs";
import { addRelease, readChanges } from "../changelog.mjs";

const page = "# Changes\n\n## Unreleased\n\n- An old note.\n\n## 0.1.0\n\n- First.\n";
const changes = readChanges([
  { name: "b.md", text: "fix(serve): b is right\n\nWhy it matters.\n" },
  { name: "a.md", text: "fix(check): a is right\n" },
  { name: "c.md", text: "change(up): c is asked of you\n" },
]);

describe("a release in CHANGELOG.md", () => {
  test("has the changes by kind and scope, and what stood under Unreleased", () => {
    expect(addRelease(page, { version: "0.2.0", changes })).toBe(`# Changes

## Unreleased

## 0.2.0

### You must act

- **up**: c is asked of you

### Fixed

- **check**: a is right
- **serve**: b is right

  Why it matters.


### Before these notes

- An old note.

## 0.1.0

- First.
`);
  });

  test("of a version that is there is refused", () => {
    expect(() => addRelease(page, { version: "0.1.0", changes })).toThrow(
      "CHANGELOG.md already has a part for 0.1.0",
    );
  });

  test.each(["fixed something", "fix: no scope", "feature(cli): other kind", ""])(
    "a file that begins with %j is refused by its name",
    (text) => {
      expect(() => readChanges([{ name: "x.md", text }])).toThrow("changes/x.md:1: ");
    },
  );

  test("every file under changes/ can be read, and each says something else in one clause", () => {
    const folder = new URL("../../changes/", import.meta.url);
    const files = readdirSync(folder)
      .filter((name) => name !== "README.md")
      .map((name) => ({ name, text: readFileSync(new URL(name, folder), "utf8") }));
    const lines = readChanges(files).map(({ line }) => line);
    expect(lines).toHaveLength(files.length);
    expect(lines.filter((line, index) => lines.indexOf(line) !== index)).toEqual([]);
    expect(lines.filter((line) => line.endsWith("."))).toEqual([]);
  });
});

describe("the bill of materials", () => {
  const licences = {
    "(Apache-2.0 AND BSD-3-Clause)": [{ name: "@b/two", versions: ["2.0.0"] }],
    MIT: [{ name: "a.one", versions: ["1.0.0", "1.1.0"] }],
  };
  const lockfile =
    "packages:\n\n  '@b/two@2.0.0':\n    resolution: {integrity: sha512-AQI=}\n\n  aXone@1.0.0:\n    resolution: {integrity: sha512-AAAA}\n";
  const bill = () => JSON.parse(billOfMaterials({ licences, lockfile, version: "0.1.0" }));

  test("names each version, with its licence and the hash of the lockfile", () => {
    expect(bill().components).toEqual([
      {
        type: "library",
        name: "@b/two",
        version: "2.0.0",
        purl: "pkg:npm/%40b/two@2.0.0",
        licenses: [{ expression: "Apache-2.0 AND BSD-3-Clause" }],
        hashes: [{ alg: "SHA-512", content: "0102" }],
      },
      ...["1.0.0", "1.1.0"].map((version) => ({
        type: "library",
        name: "a.one",
        version,
        purl: `pkg:npm/a.one@${version}`,
        licenses: [{ license: { id: "MIT" } }],
      })),
    ]);
  });

  test("is the same for the same dependencies, and another for others", () => {
    expect(bill().serialNumber).toBe(bill().serialNumber);
    const other = billOfMaterials({ licences: { MIT: licences.MIT }, lockfile, version: "0.1.0" });
    expect(JSON.parse(other).serialNumber).not.toBe(bill().serialNumber);
  });

  test("can be read as a list", () => {
    expect(licenceList(licences)).toContain(
      "| `@b/two` | 2.0.0 | (Apache-2.0 AND BSD-3-Clause) |\n",
    );
  });
});
