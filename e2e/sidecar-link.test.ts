import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { casesBySize } from "../testing/test-size.ts";
import { chat, post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { runUmbra } from "./harness/processes.ts";
import { scenario } from "./harness/resources.ts";
import { writeSelfSigned } from "./harness/self-signed.ts";
import { until } from "./harness/until.ts";

describe("between a real Envoy and the sidecar", () => {
  let primary: ModelServer[] = [];
  let shadow: ModelServer[] = [];
  let folder = "";
  let gateway: Gateway | undefined;

  beforeAll(async () => {
    primary = await startModelServers(2);
    shadow = await startModelServers(1);
    folder = mkdtempSync(join(tmpdir(), "umbra-link-"));
    await writeSelfSigned(folder, ["sidecar", "envoy", "stranger"]);
  });
  afterEach(async () => {
    await gateway?.stop();
    gateway = undefined;
  }, 20_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await stopModelServers([...primary, ...shadow]);
  });

  const file = (name: string) => join(folder, name);
  const resources = () =>
    scenario({
      primary: addresses(primary),
      shadow: addresses(shadow),
      failureMode: "FailClose",
    });
  const serveTls = ["--grpc-tls-cert", "sidecar.pem", "--grpc-tls-key", "sidecar.key"] as const;
  const inFolder = (flags: readonly string[]) =>
    flags.map((flag) => (/\.(?:pem|key)$/.test(flag) ? file(flag) : flag));

  /** What `umbra doctor` finds when it is told of the sidecar as Envoy was. */
  async function doctorSays({ grpc }: Gateway, flags: readonly string[] = []): Promise<string> {
    return (await runUmbra("doctor", "--sidecar", grpc, ...flags)).stdout;
  }

  async function picksAndObserves(of: Gateway): Promise<void> {
    const before = shadow[0]?.server.state().requestsServed ?? 0;
    const seen = await post(of.origin, chat());
    expect([seen.status, seen.text]).toEqual([200, expect.stringContaining("chatcmpl")]);
    await until(
      "the copy was picked and served",
      () => shadow[0]?.server.state().requestsServed === before + 1,
    );
    await until("both lanes were observed", async () => {
      const { pairs } = await of.json<{ pairs: readonly unknown[] }>("/v1/pairs");
      return pairs.length > 0;
    });
    expect(await of.stat(/ext_proc\.(pick|observe)_.*streams_failed$/)).toBe(0);
  }

  test("picks and observes over a Unix socket that others can't open", async () => {
    gateway = await startGateway({ resources: resources(), isUnixSocket: true });
    await picksAndObserves(gateway);
    expect(statSync(gateway.grpc.slice("unix:".length)).mode & 0o777).toBe(0o600);
    expect(await doctorSays(gateway)).toContain(
      `the sidecar at ${gateway.grpc} answers and is serving`,
    );
  }, 60_000);

  const trusted = [
    {
      name: "mutual TLS",
      serve: [...serveTls, "--grpc-client-ca", "envoy.pem"],
      render: [
        ...["--sidecar-ca", "sidecar.pem", "--sidecar-cert", "envoy.pem"],
        ...["--sidecar-key", "envoy.key"],
      ],
    },
    {
      name: "TLS that nobody verifies",
      serve: ["--grpc-tls", "self-signed"],
      render: ["--sidecar-tls"],
    },
  ];
  test.each(casesBySize(trusted, 1))(
    "picks and observes over $name",
    async ({ serve, render }) => {
      gateway = await startGateway({
        resources: resources(),
        serveFlags: inFolder(serve),
        renderFlags: inFolder(render),
      });
      await picksAndObserves(gateway);
      expect(await doctorSays(gateway, inFolder(render))).toMatch(
        /answers over .*TLS and is serving/,
      );
    },
    60_000,
  );

  const refused = [
    {
      name: "Envoy does not trust the sidecar's certificate",
      serve: serveTls,
      render: ["--sidecar-ca", "stranger.pem"],
    },
    {
      name: "the sidecar wants a certificate and Envoy shows none",
      serve: [...serveTls, "--grpc-client-ca", "envoy.pem"],
      render: ["--sidecar-ca", "sidecar.pem"],
    },
    {
      name: "the certificate is for another name",
      serve: serveTls,
      render: ["--sidecar-ca", "sidecar.pem", "--sidecar-name", "other.example"],
    },
    { name: "Envoy speaks plaintext", serve: serveTls, render: [] },
  ];
  test.each(casesBySize(refused, 2))(
    "picks nothing where $name",
    async ({ serve, render }) => {
      gateway = await startGateway({
        resources: resources(),
        serveFlags: inFolder(serve),
        renderFlags: inFolder(render),
        isCutOff: true,
      });
      expect(await doctorSays(gateway, inFolder(render))).toContain("UMB0416");
      const seen = await post(gateway.origin, chat());
      expect(seen.status).toBe(503);
      expect(seen.text).toContain("picker_unavailable");
      const { statusCode, body } = await request(`http://${gateway.admin}/readyz`);
      expect([statusCode, await body.text()]).toEqual([
        503,
        expect.stringContaining("can't reach this sidecar"),
      ]);
    },
    60_000,
  );
});
