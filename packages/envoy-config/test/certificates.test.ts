import { describe, expect, test } from "@jest/globals";
import { formatDiagnostic, readTopology, renderBootstrap } from "@umbra/envoy-config";
import { caseNames, resourcesOf } from "./golden-case.ts";

const https = resourcesOf("https");
/** A line of a PEM body, or a Secret's value in base64: long enough to be unique. */
const secrets = https
  .flatMap(({ text }) => text.match(/[A-Za-z0-9+/=]{40,}/g) ?? [])
  .filter((line) => !line.startsWith("http"));

describe("the content of a Secret", () => {
  test.each(caseNames)("does not appear in diagnostics or the topology of %s", (name) => {
    const { topology, diagnostics } = readTopology(resourcesOf(name));
    const said = [JSON.stringify(topology), JSON.stringify(diagnostics)];
    said.push(...diagnostics.map((each) => formatDiagnostic(each)));
    expect(secrets.filter((secret) => said.some((text) => text.includes(secret)))).toEqual([]);
    expect(said.join("\n")).not.toMatch(/PRIVATE KEY|8675309/);
  });

  test("does not appear in diagnostics of an invalid file", () => {
    const [file] = https;
    const text = (file?.text ?? "").replace("stringData:", "stringData: [");
    const { diagnostics } = readTopology([{ name: "x", text }]);
    expect(diagnostics.length).toBeGreaterThan(0);
    const said = JSON.stringify(diagnostics);
    expect(secrets.filter((secret) => said.includes(secret))).toEqual([]);
  });

  test("appears in a bootstrap only on request", () => {
    const { topology, certificates } = readTopology(https);
    const named = renderBootstrap(topology, { tlsDirectory: "/tls" });
    expect(named).toContain("filename: /tls/certificates/wildcard/tls.key");
    expect(named).not.toContain("PRIVATE KEY");
    const inline = renderBootstrap(topology, { certificates });
    expect(inline.match(/-----BEGIN PRIVATE KEY-----/g)).toHaveLength(3);
    expect(inline).not.toContain("filename");
  });
});
