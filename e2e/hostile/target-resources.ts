import { scenario } from "../harness/resources.ts";

export interface TargetOptions {
  readonly failureMode: "FailOpen" | "FailClose";
  /** Without, the shadow gets nothing: what the primary is compared with. */
  readonly hasMirror: boolean;
}

interface Endpoints {
  readonly primary: readonly number[];
  readonly shadow: readonly number[];
}

/** A pool, and a mirror that a ShadowPolicy with its defaults judges. */
export function resources(options: TargetOptions & Endpoints): string {
  const { failureMode, hasMirror, primary, shadow } = options;
  const yaml = scenario({
    ...{ failureMode, models: ["m"] },
    primary: addresses(primary),
    shadow: addresses(shadow),
  });
  if (!hasMirror) return yaml.replace(/ {6}filters:\n(?: {8}.*\n)+/, "");
  return `${yaml}
---
apiVersion: umbra.dev/v1alpha1
kind: ShadowPolicy
metadata: {name: judge}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: route}]
  sampling: {percent: 100}
`;
}

function addresses(ports: readonly number[]): string {
  return ports.map((port) => `127.0.0.1:${port}`).join(",");
}
