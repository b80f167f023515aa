import { expect, test } from "@jest/globals";
import { expectGolden } from "../../../testing/golden.ts";
import { runCommand } from "./run-command.ts";

const envoy = new URL("../../../envoy/", import.meta.url).pathname;
const direct = ["--primary", "10.0.0.1:8000", "--shadow", "10.0.1.1:8000"];
const bySocket = ["--ads", "unix:/run/umbra/ads.sock"];
const certificates = "--sidecar-ca /ca.pem --sidecar-cert /tls.crt --sidecar-key /tls.key";

test.each([
  { name: "unix", args: [...direct, ...bySocket] },
  { name: "comments", args: [...direct, ...bySocket, "--comments"] },
  {
    name: "network",
    args: [
      ...[...direct, "--xds", "umbra.example:18000", "--ads-protocol", "DELTA_GRPC"],
      ...certificates.split(" "),
    ],
  },
  {
    name: "envoy-proxy-merge",
    args: ["-f", `${envoy}envoy-proxy-merge/resources.yaml`, ...bySocket],
  },
  {
    name: "envoy-proxy-replace",
    args: ["-f", `${envoy}envoy-proxy-replace/resources.yaml`, ...bySocket],
  },
  {
    name: "envoy-proxy-json-patch",
    args: ["-f", `${envoy}envoy-proxy-json-patch/resources.yaml`, ...bySocket],
  },
])("umbra render --ads prints a small bootstrap: $name", async ({ name, args }) => {
  const { status, stdout } = await runCommand(["render", ...args]);
  expect(status).toBe(0);
  expectGolden(stdout, new URL(`render-ads/${name}.yaml`, import.meta.url));
});

test("the small bootstrap stays the same when routes and pools change", async () => {
  const [first, second] = await Promise.all(
    ["https", "shadow-policy"].map((folder) =>
      runCommand(["render", "-f", `${envoy}${folder}/resources.yaml`, ...bySocket]),
    ),
  );
  expect(first?.stdout).toContain("umbra-ads");
  expect(first?.stdout).toBe(second?.stdout);
});

test.each(["--sidecar", "--stats-listener"])("%s belongs to umbra serve then", async (flag) => {
  const { status, stderr } = await runCommand([
    ...["render", ...direct, ...bySocket, flag, "127.0.0.1:1"],
  ]);
  expect(status).toBe(2);
  expect(stderr).toContain(`${flag}: no effect on the bootstrap that --ads prints`);
});

test.each([
  { args: [] },
  { args: ["--sidecar-tls"] },
  { args: ["--sidecar-ca", "/ca.pem"] },
  { args: ["--sidecar-cert", "/tls.crt", "--sidecar-key", "/tls.key"] },
])("ADS over the network with $args is refused: private keys pass there", async ({ args }) => {
  const { status, stderr } = await runCommand([
    ...["render", ...direct, "--ads", "umbra.example:18000", ...args],
  ]);
  expect(status).toBe(2);
  expect(stderr).toContain("--sidecar-ca, --sidecar-cert and --sidecar-key");
});
