import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { readTopology } from "@umbra/envoy-config";

const root = fileURLToPath(new URL("../../../examples", import.meta.url));
const filesOf = (folder: string) =>
  readdirSync(`${root}/${folder}`).map((name) => ({
    name: `${folder}/${name}`,
    text: readFileSync(`${root}/${folder}/${name}`, "utf8"),
  }));

test.each(["demo", "evaluation"])(
  "examples/%s evaluates the mirrors of examples/mirror",
  (folder) => {
    const { topology, diagnostics } = readTopology([...filesOf("mirror"), ...filesOf(folder)]);
    expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
    const policies = topology.mirrors.flatMap(({ policy }) => policy ?? []);
    expect(policies).toHaveLength(1);
  },
);
