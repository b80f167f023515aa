import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { runCommand } from "./run-command.ts";

const run = (...args: readonly string[]) => runCommand(args);

interface Cluster {
  readonly name: string;
  readonly type: string;
  readonly transport_socket?: { readonly typed_config: unknown };
  readonly load_assignment: {
    readonly endpoints: readonly [
      { readonly lb_endpoints: readonly [{ readonly endpoint: { readonly address: unknown } }] },
    ];
  };
}

/** Renders with the flags and returns the three clusters that connect to the sidecar. */
async function sidecarClusters(...flags: readonly string[]): Promise<readonly Cluster[]> {
  const direct = ["--primary", "10.0.0.1:8000", "--shadow", "10.0.1.1:8000"];
  const { stdout, stderr } = await run("render", ...direct, ...flags);
  expect(stderr).toBe("");
  const { static_resources } = parse(stdout) as {
    static_resources: { clusters: readonly Cluster[] };
  };
  return static_resources.clusters.filter(({ name }) => name.startsWith("umbra-"));
}

function tlsOf({ transport_socket }: Cluster): unknown {
  return transport_socket?.typed_config;
}

describe("the sidecar's address", () => {
  test.each([
    {
      name: "an IP address",
      sidecar: "10.0.0.9:9002",
      type: "STATIC",
      address: { socket_address: { address: "10.0.0.9", port_value: 9002 } },
    },
    {
      name: "a DNS name",
      sidecar: "umbra.svc:9002",
      type: "STRICT_DNS",
      address: { socket_address: { address: "umbra.svc", port_value: 9002 } },
    },
    {
      name: "a Unix socket",
      sidecar: "unix:/run/umbra.sock",
      type: "STATIC",
      address: { pipe: { path: "/run/umbra.sock" } },
    },
  ])("is $name for picks and observation, in plain text", async ({ sidecar, type, address }) => {
    const clusters = await sidecarClusters("--sidecar", sidecar);
    const seen = clusters.map(({ name, type, transport_socket, load_assignment }) => ({
      ...{ name, type, transport_socket },
      address: load_assignment.endpoints[0].lb_endpoints[0].endpoint.address,
    }));
    const names = ["umbra-picker", "umbra-observer", "umbra-shadow-observer"];
    expect(seen).toEqual(
      names.map((name) => ({ name, type, transport_socket: undefined, address })),
    );
  });
});

describe("TLS to the sidecar", () => {
  const common = {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
  };
  const base = { alpn_protocols: ["h2"], tls_params: { tls_minimum_protocol_version: "TLSv1_2" } };
  const dns = (exact: string) => ({
    match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact } }],
  });

  test.each([
    {
      name: "only encrypts without a CA",
      flags: ["--sidecar-tls"],
      want: { ...common, common_tls_context: base },
    },
    {
      name: "sends the hostname as SNI and verifies it",
      flags: ["--sidecar", "umbra.svc:9002", "--sidecar-ca", "/ca.pem"],
      want: {
        ...common,
        sni: "umbra.svc",
        common_tls_context: {
          ...base,
          validation_context: { trusted_ca: { filename: "/ca.pem" }, ...dns("umbra.svc") },
        },
      },
    },
    {
      name: "verifies an IP address without SNI",
      flags: ["--sidecar", "[::1]:9002", "--sidecar-ca", "/ca.pem"],
      want: {
        ...common,
        common_tls_context: {
          ...base,
          validation_context: {
            trusted_ca: { filename: "/ca.pem" },
            match_typed_subject_alt_names: [{ san_type: "IP_ADDRESS", matcher: { exact: "::1" } }],
          },
        },
      },
    },
    {
      name: "accepts any certificate of the CA on a Unix socket, or only the named one",
      flags: ["--sidecar", "unix:/run/umbra.sock", "--sidecar-ca", "/ca.pem"],
      want: {
        ...common,
        common_tls_context: {
          ...base,
          validation_context: { trusted_ca: { filename: "/ca.pem" } },
        },
      },
    },
    {
      name: "presents a client certificate and verifies the given name",
      flags: [
        ...["--sidecar", "unix:/run/umbra.sock", "--sidecar-ca", "/ca.pem"],
        ...["--sidecar-cert", "/e.pem", "--sidecar-key", "/e.key", "--sidecar-name", "umbra"],
      ],
      want: {
        ...common,
        sni: "umbra",
        common_tls_context: {
          ...base,
          tls_certificates: [
            { certificate_chain: { filename: "/e.pem" }, private_key: { filename: "/e.key" } },
          ],
          validation_context: { trusted_ca: { filename: "/ca.pem" }, ...dns("umbra") },
        },
      },
    },
  ])("$name", async ({ flags, want }) => {
    const clusters = await sidecarClusters(...flags);
    expect(clusters.map(tlsOf)).toEqual([want, want, want]);
  });
});

test.each([
  { flags: ["--sidecar", "nowhere"], words: "--sidecar expects HOST:PORT" },
  { flags: ["--sidecar", "unix:umbra.sock"], words: "a Unix socket needs an absolute path" },
  { flags: ["--sidecar", `unix:/${"x".repeat(107)}`], words: "at most 107 bytes" },
  { flags: ["--sidecar-cert", "/e.pem"], words: "give both --sidecar-cert and --sidecar-key" },
  { flags: ["--sidecar-name", "umbra"], words: "--sidecar-name needs --sidecar-ca" },
])("refuses $flags", async ({ flags, words }) => {
  const { status, stderr } = await run("render", "--primary", "10.0.0.1:8000", ...flags);
  expect(status).toBe(2);
  expect(stderr).toContain(words);
});

describe("an endpoint that is an interface of Envoy or the sidecar, even if flags moved it", () => {
  const endpoint = "127.0.0.1:7901";
  const own = ["--primary", `10.0.0.1:8000,${endpoint}`];

  test.each([
    { command: "render", flags: ["--envoy-admin", endpoint] },
    { command: "render", flags: ["--stats-listener", "0.0.0.0:7901"] },
    { command: "render", flags: ["--sidecar", "127.0.0.1:7901"] },
    { command: "serve", flags: ["--admin", endpoint] },
    { command: "serve", flags: ["--probes", endpoint] },
    { command: "serve", flags: ["--grpc", endpoint] },
    { command: "up", flags: ["--envoy-admin", endpoint] },
  ])("is rejected by umbra $command $flags", async ({ command, flags }) => {
    const { status, stderr } = await run(command, ...own, ...flags);
    expect(status).toBe(1);
    expect(stderr).toContain(`${endpoint}, an endpoint of "`);
  });

  test("is accepted if no interface listens there", async () => {
    expect(await run("render", ...own)).toMatchObject({ status: 0, stderr: "" });
  });
});
