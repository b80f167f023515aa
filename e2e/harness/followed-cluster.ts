import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directTopology } from "@umbra/envoy-config";
import type { ScriptedApiServer } from "../../testing/api-server/scripted-api-server.ts";
import { adsBootstrap, startEnvoy } from "./ads.ts";
import type { ModelServer } from "./model-servers.ts";
import { freePorts } from "./ports.ts";
import { startUmbra } from "./processes.ts";
import { startScriptedCluster } from "./scripted-cluster.ts";

/** A scripted API server, the sidecar that follows it, and Envoy by ADS. */
export interface FollowedCluster {
  readonly api: ScriptedApiServer;
  /** Port of the Gateway's listener. */
  readonly httpPort: number;
  /** `host:port` of the sidecar's admin interface. */
  readonly admin: string;
  stop(): Promise<void>;
}

/** Starts all of it. Envoy need not have a configuration yet. */
export async function startFollowedCluster(
  server: ModelServer | undefined,
): Promise<FollowedCluster> {
  const folder = mkdtempSync(join(tmpdir(), "umbra-kube-"));
  const [httpPort = 0, grpc, adminPort, envoyAdmin = 0] = await freePorts(4);
  const modelPort = server?.address.split(":")[1];
  const { api, kubeconfig } = await startScriptedCluster(folder, { httpPort, modelPort });
  const admin = `127.0.0.1:${adminPort}`;
  const socket = join(folder, "ads.sock");
  const bare = directTopology({ primary: [], shadow: [], port: 80 });
  const running = [
    await startEnvoy(folder, "envoy", adsBootstrap(bare, socket, "DELTA_GRPC"), envoyAdmin),
    startUmbra(
      ...["serve", "--kube", "--kubeconfig", kubeconfig, "--bind", "127.0.0.1"],
      ...["--grpc", `127.0.0.1:${grpc}`, "--ads", `unix:${socket}`, "--admin", admin],
      ...["--envoy-admin", `127.0.0.1:${envoyAdmin}`],
    ),
  ];
  return {
    ...{ api, httpPort, admin },
    async stop() {
      await Promise.all(running.map((each) => each.stop()));
      await api.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
