import { expect, test } from "@jest/globals";
import { directTopology, renderAdsBootstrap } from "@umbra/envoy-config";
import { parse } from "yaml";

const topology = directTopology({ primary: ["10.0.0.1:80"], shadow: [], port: 8080 });

const clusterOf = (text: string) => parse(text).static_resources.clusters[0];

test.each(["127.0.0.1:9002", "sidecar:9002", "unix:relative"])(
  "ADS at %s without TLS is refused: SDS hands out private keys",
  (address) => {
    const render = () => renderAdsBootstrap(topology, { address });
    expect(render).toThrow(RangeError);
    expect(render).toThrow(/private keys/);
  },
);

test.each([
  { name: "unverified", sidecarTls: {} },
  { name: "without Envoy's certificate", sidecarTls: { caFile: "/ca.pem" } },
  {
    name: "with a sidecar that anyone may play",
    sidecarTls: { certFile: "/tls.crt", keyFile: "/tls.key" },
  },
])("ADS by network over TLS $name is refused", ({ sidecarTls }) => {
  const render = () => renderAdsBootstrap(topology, { address: "sidecar:9002" }, { sidecarTls });
  expect(render).toThrow(/give the CA of the sidecar's certificate, and Envoy's own certificate/);
});

test("ADS by a Unix socket needs no TLS, and by network goes over the sidecar's", () => {
  const bySocket = clusterOf(renderAdsBootstrap(topology, { address: "unix:/run/ads.sock" }));
  expect(bySocket).not.toHaveProperty("transport_socket");
  const sidecarTls = { caFile: "/ca.pem", certFile: "/tls.crt", keyFile: "/tls.key" };
  const options = { sidecarTls };
  const byNetwork = clusterOf(renderAdsBootstrap(topology, { address: "sidecar:9002" }, options));
  expect(byNetwork.transport_socket.typed_config.sni).toBe("sidecar");
});
