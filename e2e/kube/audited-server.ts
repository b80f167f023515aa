import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Right } from "../chart/rights.ts";
import { KubeServer } from "./kube-server.ts";

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly resource: string;
    readonly apiGroup?: string;
    readonly subresource?: string;
    readonly namespace?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

export interface AskedRight extends Right {
  /** The HTTP status of the answer. */
  readonly status: number | undefined;
}

/** A real API server that writes down who asks for what. */
export interface AuditedServer {
  readonly kube: KubeServer;
  /** What the ServiceAccount `umbra` of a namespace has asked for. */
  askedBy(namespace: string): readonly AskedRight[];
  close(): Promise<void>;
}

export async function startAuditedServer(): Promise<AuditedServer> {
  const folder = mkdtempSync(join(tmpdir(), "umbra-audit-"));
  const [policy, audit] = [join(folder, "policy.yaml"), join(folder, "audit.log")];
  // Of each request once, when it is answered or its watch begins.
  const rules = [{ level: "Metadata" }];
  const head = { apiVersion: "audit.k8s.io/v1", kind: "Policy", omitStages: ["RequestReceived"] };
  writeFileSync(policy, JSON.stringify({ ...head, rules }));
  const kube = await KubeServer.start({
    apiserverFlags: [`--audit-policy-file=${policy}`, `--audit-log-path=${audit}`],
  });
  return {
    kube,
    askedBy(namespace) {
      const account = `system:serviceaccount:${namespace}:umbra`;
      // The last line may still be written.
      const lines = readFileSync(audit, "utf8").split("\n").slice(0, -1);
      return lines
        .map((line) => JSON.parse(line) as AuditEvent)
        .filter(({ user, objectRef }) => user.username === account && objectRef !== undefined)
        .map(askedRight);
    },
    async close() {
      await kube.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function askedRight({ verb, objectRef, responseStatus }: AuditEvent): AskedRight {
  const { resource = "", apiGroup, subresource, namespace } = objectRef ?? {};
  const path = subresource === undefined ? resource : `${resource}/${subresource}`;
  return {
    ...{ verb, resource: apiGroup === undefined ? path : `${path}.${apiGroup}` },
    ...(namespace === undefined ? {} : { namespace }),
    status: responseStatus?.code,
  };
}
