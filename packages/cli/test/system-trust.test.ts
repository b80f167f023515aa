import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { directTopology, type Topology } from "@umbra/envoy-config";
import { createSystemTrust } from "../src/envoy/system-authorities.ts";

const plain = directTopology({ primary: ["127.0.0.1:8000"], shadow: [], port: 80 });
const secured: Topology = {
  ...plain,
  pools: plain.pools.map((pool) => ({ ...pool, tls: { hostname: "model.example" } })),
};
const certificatesOf = ({ pools }: Topology) => pools.map(({ tls }) => tls?.caPem);

test("the certificates that a file had are used while it can't be read", () => {
  const folder = mkdtempSync(join(tmpdir(), "umbra-trust-"));
  const file = join(folder, "ca.pem");
  const trust = createSystemTrust(undefined, { env: { SSL_CERT_FILE: file } });
  expect(() => trust(secured)).toThrow("the environment's SSL_CERT_FILE");
  writeFileSync(file, "first");
  expect(certificatesOf(trust(secured))).toEqual(["first"]);
  rmSync(file);
  expect(certificatesOf(trust(secured))).toEqual(["first"]);
  writeFileSync(file, "second");
  expect(certificatesOf(trust(secured))).toEqual(["second"]);
  expect(trust(plain)).toBe(plain);
  rmSync(folder, { recursive: true });
});
