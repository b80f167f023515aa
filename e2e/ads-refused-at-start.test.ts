import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { AdsProtocol, DynamicResources } from "@umbra/envoy-config";
import { type AdsGateway, edited, plainWorld, startAdsGateway } from "./harness/ads-gateway.ts";
import { type EchoServer, startEchoServer } from "./harness/echo-server.ts";
import { until } from "./harness/until.ts";

/** Each has a listener of its own on one port. The bad one is the first that Envoy gets. */
const hosts = ["bad.example.com", "chat.example.com", "other.example.com"];

describe.each<AdsProtocol>(["GRPC", "DELTA_GRPC"])(
  "a new Envoy by %s refuses one of several certificates, and one of the filters",
  (protocol) => {
    let gateway: AdsGateway;
    let echo: EchoServer;

    beforeAll(async () => {
      echo = await startEchoServer("echo");
      gateway = await startAdsGateway({ protocol, isEnvoyLater: true });
      gateway.apply({ yaml: world(), edit: withBadOnes });
      await gateway.startEnvoy();
      await gateway.upToDate();
    }, 30_000);

    afterAll(async () => {
      await gateway.stop();
      await echo.close();
    });

    function world(): string {
      const listeners = hosts.map(
        (host) =>
          `{name: ${host.split(".")[0]}, port: ${gateway.otherPort}, hostname: ${host}, protocol: HTTPS, tls: {certificateRefs: [{name: ${host}}]}}`,
      );
      const services = { a: [echo.address] };
      const plain = plainWorld({ port: gateway.port, services, routes: { "/": "a" } });
      return (
        plain.replace("listeners: [", `listeners: [${listeners.join(", ")}, `) +
        hosts.map(secretText).join("")
      );
    }

    test("each refused one is named, and nothing else is refused", () => {
      const refused = gateway.client()?.rejections.map(({ kind, name }) => `${kind} ${name}`);
      expect(refused?.toSorted()).toEqual(["ecds umbra.session", "sds default/bad.example.com"]);
    });

    test("what does not need them is served", async () => {
      await until("HTTP is served", async () => (await gateway.get())[0] === 200);
      expect(await statusLineOf("chat.example.com")).toBe("HTTP/1.1 200 OK");
      expect(await statusLineOf("other.example.com")).toBe("HTTP/1.1 200 OK");
      await expect(statusLineOf("bad.example.com")).rejects.toMatchObject({ code: "ECONNRESET" });
    });

    test("what is fixed is served, and nothing is refused any more", async () => {
      gateway.apply({ yaml: world() });
      await until("nothing is refused", () => gateway.client()?.rejections.length === 0);
      await gateway.upToDate();
      expect(await statusLineOf("bad.example.com")).toBe("HTTP/1.1 200 OK");
    });

    /** Of an answer by TLS. */
    async function statusLineOf(servername: string): Promise<string> {
      const at = { host: "127.0.0.1", port: gateway.otherPort, servername };
      const socket = connectTls({ ...at, rejectUnauthorized: false });
      await once(socket, "secureConnect");
      socket.write(`GET / HTTP/1.1\r\nhost: ${servername}\r\n\r\n`);
      const [bytes] = (await once(socket, "data")) as [Buffer];
      socket.destroy();
      return bytes.toString("latin1").split("\r\n")[0] ?? "";
    }
  },
);

/** A certificate with a broken chain, and a filter that Envoy does not know a part of: no resource asks for either. */
function withBadOnes(resources: DynamicResources): DynamicResources {
  const state = { name: "unknown", typed_config: { "@type": cookieType, cookie: { name: "a" } } };
  return {
    ...resources,
    sds: edited(resources.sds, `default/${hosts[0]}`, (text) =>
      text.replace("-----END CERTIFICATE-----", "-----END----"),
    ),
    ecds: edited(resources.ecds, "umbra.session", (text) =>
      text.replace('"typed_config":{', `"typed_config":{"session_state":${JSON.stringify(state)},`),
    ),
  };
}

const cookieType =
  "type.googleapis.com/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState";

/** All have one certificate: what it is valid for is not asked here. */
function secretText(name: string): string {
  const file = (path: string) =>
    readFileSync(new URL(`../envoy/https/tls/default/chat/${path}`, import.meta.url), "utf8");
  const indented = (path: string) => file(path).replaceAll(/^/gm, "    ");
  return `---
apiVersion: v1
kind: Secret
metadata: {name: ${name}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
${indented("tls.crt")}
  tls.key: |
${indented("tls.key")}
`;
}
