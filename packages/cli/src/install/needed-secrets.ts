import { type ApiClient, isKubernetesError } from "@umbra/kubernetes";
import { pathOf } from "./api-path.ts";
import type { Manifest } from "./manifests.ts";

/** A Secret that pods wait for. It is not printed: everyone who reads the output would have it. */
export interface NeededSecret {
  readonly namespace: string;
  readonly name: string;
}

export function neededSecrets(manifests: readonly Manifest[]): readonly NeededSecret[] {
  return manifests.flatMap(({ kind, spec, metadata: { namespace = "" } }) => {
    if (kind !== "Deployment") return [];
    const { volumes = [] } = (spec as DeploymentSpec).template.spec;
    return volumes.flatMap(({ secret }) => {
      if (secret === undefined || secret.optional === true) return [];
      return { namespace, name: secret.secretName };
    });
  });
}

interface DeploymentSpec {
  readonly template: {
    readonly spec: {
      readonly volumes?: readonly {
        readonly secret?: { readonly secretName: string; readonly optional?: boolean };
      }[];
    };
  };
}

/** What to do about a Secret, in one sentence. */
export function secretWords({ namespace, name }: NeededSecret): string {
  return `the pods wait for the Secret "${name}", which is not printed: kubectl --namespace ${namespace} create secret generic ${name} --from-literal=peer-secret="$(openssl rand -base64 32)"`;
}

/** Those that the cluster does not have. One that the account may not read counts as there. */
export async function missingSecrets(
  client: ApiClient,
  secrets: readonly NeededSecret[],
): Promise<readonly NeededSecret[]> {
  const found = await Promise.all(
    secrets.map(async (secret) => {
      const path = pathOf({ apiVersion: "v1", kind: "Secret", metadata: secret });
      try {
        await client.request({ method: "GET", path });
        return [];
      } catch (cause) {
        const status = isKubernetesError(cause) ? cause.status : undefined;
        if (status === 404) return [secret];
        if (status === 403) return [];
        throw cause;
      }
    }),
  );
  return found.flat();
}
