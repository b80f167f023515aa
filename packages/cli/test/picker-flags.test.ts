import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { llamaRoute } from "./llama-route.ts";
import { runCommand } from "./run-command.ts";

const resources = `${llamaRoute}apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, annotations: {umbra.dev/endpoints: "10.0.0.1:8000"}}
spec: {selector: {matchLabels: {app: llama}}, targetPorts: [{number: 8000}], endpointPickerRef: {name: epp, port: {number: 9002}}}
`;
const file = join(mkdtempSync(join(tmpdir(), "umbra-pickers-")), "resources.yaml");
writeFileSync(file, resources);

const render = (...flags: readonly string[]) => runCommand(["render", "-f", file, ...flags]);

describe("TLS to a third-party endpoint picker", () => {
  const trusted = (type: string, name: string) => ({
    trusted_ca: { filename: "/ca.pem" },
    match_typed_subject_alt_names: [{ san_type: type, matcher: { exact: name } }],
  });

  test.each([
    { where: "epp.svc:9002", ca: [], sni: undefined, validation: undefined, hasTls: false },
    { where: "tls:epp.svc:9002", ca: [], sni: "epp.svc", validation: undefined, hasTls: true },
    {
      where: "tls:epp.svc:9002",
      ca: ["--picker-ca", "llama=/ca.pem"],
      sni: "epp.svc",
      validation: trusted("DNS", "epp.svc"),
      hasTls: true,
    },
    {
      where: "tls:10.0.0.9:9002",
      ca: ["--picker-ca", "llama=/ca.pem"],
      sni: undefined,
      validation: trusted("IP_ADDRESS", "10.0.0.9"),
      hasTls: true,
    },
  ])("$where with $ca", async ({ where, ca, sni, validation, hasTls }) => {
    const { stdout, status } = await render("--picker", `llama=${where}`, ...ca);
    expect(status).toBe(0);
    const { clusters } = (parse(stdout) as { static_resources: { clusters: Cluster[] } })
      .static_resources;
    const context = clusters.find(({ name }) => name === "picker/default/llama")?.transport_socket
      ?.typed_config;
    expect(context !== undefined).toBe(hasTls);
    expect(context?.sni).toBe(sni);
    expect(context?.common_tls_context.validation_context).toEqual(validation);
  });

  test.each([
    [["--picker", "llama=epp.svc:9002", "--picker-ca", "llama=/ca.pem"]],
    [["--picker", "llama=tls:epp.svc:9002", "--picker-ca", "other=/ca.pem"]],
    [["--picker", "llama=tls:epp.svc:9002", "--picker-ca", "llama"]],
  ])("%j is refused", async (flags) => {
    const { status, stderr } = await render(...flags);
    expect([status, stderr]).toEqual([2, expect.stringContaining("--picker-ca")]);
  });
});

interface Cluster {
  readonly name: string;
  readonly transport_socket?: {
    readonly typed_config: {
      readonly sni?: string;
      readonly common_tls_context: { readonly validation_context?: unknown };
    };
  };
}
