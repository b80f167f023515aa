import { isKubernetesError } from "@umbra/kubernetes";
import { CommandError } from "../errors.ts";
import type { Io } from "../io.ts";
import { clientOf } from "../kube/kube-source.ts";
import type { KubeChoice } from "../resources/kube-flags.ts";
import { type CheckedObject, checkCluster } from "./cluster-state.ts";
import type { InstallChoice, Manifest } from "./manifests.ts";
import { missingDefinitions } from "./needed-definitions.ts";
import { missingSecrets, neededSecrets, secretWords } from "./needed-secrets.ts";

export interface ClusterComparison {
  readonly choice: KubeChoice;
  readonly mode: InstallChoice["mode"];
  readonly manifests: readonly Manifest[];
}

export interface ComparedCluster {
  /** One for each manifest, in the same order. */
  readonly objects: readonly CheckedObject[];
  /** What has to be done before they can be applied: sentences for people. */
  readonly problems: readonly string[];
  /** What else has to be done before the pods start. */
  readonly notes: readonly string[];
}

/** Compares manifests with a cluster, and changes nothing. Throws CommandError if the API server can't be asked. */
export async function compareWithCluster(
  { choice, mode, manifests }: ClusterComparison,
  io: Io,
): Promise<ComparedCluster> {
  const client = clientOf(choice, io.env);
  try {
    const definitions = await missingDefinitions(client, mode);
    const objects = await checkCluster(client, manifests);
    const ofObjects = objects.flatMap(({ manifest, problems }) =>
      problems.map((words) => `${manifest.kind} "${manifest.metadata.name}": ${words}`),
    );
    const secrets = await missingSecrets(client, neededSecrets(manifests));
    return { objects, problems: [...definitions, ...ofObjects], notes: secrets.map(secretWords) };
  } catch (cause) {
    if (!isKubernetesError(cause)) throw cause;
    throw new CommandError(`the cluster can't be compared: ${cause.message}`, { cause });
  } finally {
    await client.close();
  }
}
