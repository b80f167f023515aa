import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import { runCommand } from "./run-command.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-stdin-"));

/** A Gateway, its route and its pool, as separate texts. */
const parts = {
  gateway:
    "{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g}, spec: {gatewayClassName: umbra, listeners: [{name: http, port: 8080, protocol: HTTP}]}}\n",
  route:
    "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r}, spec: {parentRefs: [{name: g}], rules: [{backendRefs: [{name: s, port: 80}]}]}}\n",
  service:
    "{apiVersion: v1, kind: Service, metadata: {name: s, annotations: {umbra.dev/endpoints: '127.0.0.1:9'}}, spec: {ports: [{port: 80}]}}\n",
};
const all = `${parts.gateway}---\n${parts.route}---\n${parts.service}`;
for (const [name, text] of Object.entries(parts)) writeFileSync(join(folder, `${name}.yaml`), text);
const route = join(folder, "route.yaml");
const service = join(folder, "service.yaml");

const forms = [
  { form: "-f -", files: ["-"], stdin: all },
  { form: "-f FILE -f -", files: [route, service, "-"], stdin: parts.gateway },
  { form: "-f - -f FILE", files: ["-", service], stdin: `${parts.gateway}---\n${parts.route}` },
  { form: "-f FOLDER", files: [folder], stdin: "" },
];
const commands = [
  { command: ["render"], want: 0 },
  { command: ["check"], want: 0 },
  { command: ["explain", "--pool", "s", "--admin", "127.0.0.1:1"], want: 1 },
  { command: ["plan", "--rate", "10"], want: 2 },
  { command: ["simulate"], want: 1 },
  // Nothing listens at the endpoint.
  { command: ["doctor", "--admin", "127.0.0.1:1", "--envoy-admin", "127.0.0.1:1"], want: 1 },
];

describe("-f and standard input", () => {
  test.each(commands.flatMap((each) => forms.map((form) => ({ ...each, ...form }))))(
    "umbra $command accepts $form",
    async ({ command, files, stdin, want }) => {
      let reads = 0;
      const { status, stderr } = await runCommand(
        [...command, ...files.flatMap((file) => ["-f", file])],
        {
          readStdin() {
            reads++;
            return stdin;
          },
        },
      );
      expect(reads).toBe(files.includes("-") ? 1 : 0);
      // No document was lost: every reference resolves.
      expect(stderr).not.toMatch(/UMB\d{4}/);
      expect(status).toBe(want);
    },
    30_000,
  );

  test.each([
    { args: ["render", "-f", "-", "-f", "-"] },
    { args: ["check", "-f", "-", "-f", route, "-f", "-"] },
    { args: ["doctor", "-f", "-", "-f", "-"] },
    { args: ["explain", "--pool", "s", "-f", "-", "-f", "-"] },
    { args: ["plan", "--rate", "1", "-f", "-", "-f", "-"] },
    { args: ["simulate", "-f", "-", "-f", "-"] },
    { args: ["serve", "-f", "-", "-f", "-"] },
    { args: ["up", "-f", "-", "-f", "-"] },
    { args: ["report", "--samples", "-", "--samples", "-"] },
    { args: ["report", "--samples", "-", "-f", "-"] },
  ])("umbra $args is rejected: standard input can be read only once", async ({ args }) => {
    const { status, stdout, stderr } = await runCommand(args, {
      readStdin: () => all,
      streamStdin: () => Readable.from([]),
    });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/standard input/);
  });
});
