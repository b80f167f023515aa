/** What the node stand-in reads of Deployments and pods. */
export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly { readonly uid: string }[];
}

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly EnvVar[];
  readonly readinessProbe?: {
    readonly httpGet?: { readonly port: number };
    readonly grpc?: { readonly port: number };
  };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

export interface SecretVolume {
  readonly secretName: string;
  readonly items?: readonly { readonly key: string; readonly path: string }[];
}

export interface PodSpec {
  readonly nodeName?: string;
  readonly terminationGracePeriodSeconds?: number;
  readonly containers: readonly Container[];
  readonly volumes?: readonly { readonly name: string; readonly secret?: SecretVolume }[];
}

export interface Pod {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly spec: PodSpec;
}

export interface Deployment {
  readonly kind: string;
  readonly metadata: Metadata;
  readonly spec: {
    readonly replicas?: number;
    readonly template: {
      readonly metadata?: Pick<Metadata, "labels" | "annotations">;
      readonly spec: PodSpec;
    };
  };
}
