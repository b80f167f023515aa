import type { Cluster, User } from "@kubernetes/client-node/dist/config_types.js";

/** One cluster and who asks it, as chosen from a kubeconfig or from a pod's files. */
export interface ClusterConfig {
  readonly cluster: Cluster;
  /** Absent: no credentials. */
  readonly user?: User;
  readonly namespace?: string;
}
