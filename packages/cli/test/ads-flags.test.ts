import { expect, test } from "@jest/globals";
import { runCommand } from "./run-command.ts";

const direct = ["serve", "--primary", "127.0.0.1:1"];
const here = new URL(import.meta.url).pathname;
const pair = ["--ads-tls-cert", here, "--ads-tls-key", here];
const bySocket = ["--ads", "unix:/tmp/umbra-never/ads.sock"];

test.each([
  { name: "plain text on the network", args: ["--ads", "127.0.0.1:1"], says: /private keys pass/ },
  {
    name: "the network without a client CA",
    args: ["--ads", "127.0.0.1:1", ...pair],
    says: /--ads-tls-cert, --ads-tls-key and --ads-client-ca/,
  },
  { name: "no address", args: ["--ads", "ads"], says: /--ads expects HOST:PORT/ },
  { name: "a relative path", args: ["--ads", "unix:ads.sock"], says: /absolute path/ },
  {
    name: "a certificate without its key",
    args: [...bySocket, "--ads-tls-cert", here],
    says: /give both --ads-tls-cert and --ads-tls-key/,
  },
  {
    name: "a client CA without a certificate",
    args: [...bySocket, "--ads-client-ca", here],
    says: /--ads-client-ca also needs/,
  },
  {
    name: "a file that is not there",
    args: [...bySocket, "--ads-tls-cert", "/nowhere.pem"],
    says: /--ads-tls-cert: \/nowhere.pem can't be read/,
  },
  {
    name: "an address that Envoy can't call",
    args: [...bySocket, "--grpc", "0.0.0.0:9002"],
    says: /Envoy can't call 0\.0\.0\.0:9002: .* --sidecar/,
  },
  {
    name: "--ads-client-ca alone",
    args: ["--ads-client-ca", here],
    says: /no effect without --ads/,
  },
  {
    name: "--sidecar alone",
    args: ["--sidecar", "a:1"],
    says: /--sidecar: no effect without --ads/,
  },
  { name: "--sidecar-ca alone", args: ["--sidecar-ca", here], says: /no effect without --ads/ },
])("umbra serve refuses to serve ADS by $name", async ({ args, says }) => {
  const { status, stderr } = await runCommand([...direct, ...args]);
  expect(stderr).toMatch(says);
  expect(status).toBe(2);
});
