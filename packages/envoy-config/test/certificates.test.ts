import { readFileSync } from "node:fs";
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

describe("a certificate that Envoy would refuse is not given to it", () => {
  const pairAt = (folder: string) => ({
    "tls.crt": readFileSync(new URL(`${folder}/tls.crt`, import.meta.url), "utf8"),
    "tls.key": readFileSync(new URL(`${folder}/tls.key`, import.meta.url), "utf8"),
  });
  const good = pairAt("../../../envoy/https/tls/default/chat");
  const secret = (name: string, stringData: Readonly<Record<string, string>>) =>
    JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata: { name }, stringData });

  test.each([
    {
      what: "an RSA key that is too short",
      pair: pairAt("refused-certificates/rsa-1024"),
      words: "has an RSA key of 1024 bits in `tls.key`: Envoy takes 2048 and more",
    },
    {
      what: "a curve that it does not know",
      pair: pairAt("refused-certificates/secp256k1"),
      words: "has a key of curve secp256k1 in `tls.key`: Envoy takes P-256, P-384 and P-521",
    },
    {
      what: "a broken certificate after the first one",
      pair: {
        ...good,
        "tls.crt": `${good["tls.crt"]}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
      },
      words: "has a broken certificate in `tls.crt`: number 2 of 2",
    },
  ])("$what", ({ pair, words }) => {
    const refs = [{ name: "bad" }, { name: "good" }];
    const listener = {
      name: "https",
      port: 443,
      protocol: "HTTPS",
      tls: { certificateRefs: refs },
    };
    const gateway = {
      ...{ apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway", metadata: { name: "gw" } },
      spec: { gatewayClassName: "umbra", listeners: [listener] },
    };
    const texts = [JSON.stringify(gateway), secret("bad", pair), secret("good", good)];
    const { certificates, diagnostics } = readTopology([
      { name: "all.yaml", text: texts.join("\n---\n") },
    ]);
    expect(diagnostics.map(({ code, message }) => [code, message])).toContainEqual([
      "UMB0223",
      `Secret "default/bad" ${words}`,
    ]);
    expect([...certificates.keys()]).toEqual(["default/good"]);
  });
});
