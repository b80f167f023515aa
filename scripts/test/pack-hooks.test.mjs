import { createRequire } from "node:module";
import { expect, test } from "@jest/globals";

const { hooks } = createRequire(import.meta.url)("../pack-hooks.cjs");

test("a packed manifest lists its dependencies by name, in whatever order pnpm has read them", () => {
  const packed = hooks.beforePacking({
    name: "@umbra/x",
    dependencies: { undici: "2", "@umbra/xds": "1", "@umbra/grpc": "1" },
    peerDependencies: { b: "1", a: "1" },
    files: ["src", "dist"],
  });
  expect(JSON.stringify(packed)).toBe(
    '{"name":"@umbra/x","dependencies":{"@umbra/grpc":"1","@umbra/xds":"1","undici":"2"},"peerDependencies":{"a":"1","b":"1"},"files":["src","dist"]}',
  );
});
