import { judgeSocket } from "../endpoint-address.ts";
import type { JudgePolicy } from "../mirror-policy.ts";
import { socketName } from "../names.ts";
import type { Report } from "../resources/report.ts";
import type { Pool } from "../topology.ts";
import type { LintInput } from "./lint-input.ts";

/**
 * Reports judge models that serve a pool, as far as the resources show it. The sidecar asks none whose address or model it
 * finds in a pool. It also knows the models that servers list, and the addresses that a judge's name leads to. But a
 * cluster IP is not an endpoint of its Service.
 */
export function lintJudges({ topology, resources }: LintInput, report: Report): void {
  for (const { namespace, name, place } of resources.policies) {
    const mirror = topology.mirrors.find(({ policy }) => policy?.name === `${namespace}/${name}`);
    const judge = mirror?.evaluation.judge;
    if (judge === undefined) continue;
    const found = firstFinding(judge, topology.pools);
    if (found === undefined) continue;
    const message = `the judge "${judge.model}" ${found}, and models prefer their own answers`;
    report("warning", "UMB0219", place, message);
  }
}

function firstFinding(judge: JudgePolicy, pools: readonly Pool[]): string | undefined {
  const { ip: host, port } = judgeSocket(judge.endpoint);
  const socket = socketName({ address: host, port });
  for (const pool of pools) {
    if (isEndpointOf(pool, socket)) {
      return `is never asked: its endpoint ${socket} is one of pool "${pool.name}"`;
    }
    if (serves(pool, judge.model)) {
      return `is never asked: pool "${pool.name}" serves this model`;
    }
    if (isNameOf(pool, host, port)) {
      return `may serve pool "${pool.name}": its endpoint ${socket} has the name of this Service`;
    }
  }
  return undefined;
}

function isEndpointOf({ endpoints, drainingEndpoints = [] }: Pool, socket: string): boolean {
  return endpoints.includes(socket) || drainingEndpoints.includes(socket);
}

/** A Service's name in the cluster's DNS leads to its endpoints, directly or by its cluster IP. */
function isNameOf(
  { kind, namespace, resourceName, dns }: Pool,
  host: string,
  port: number,
): boolean {
  const name = host.replace(/\.$/, "");
  if (dns?.hostname === name && dns.port === port) return true;
  const inNamespace = `${resourceName}.${namespace}`;
  return (
    kind === "Service" &&
    [inNamespace, `${inNamespace}.svc`, `${inNamespace}.svc.cluster.local`].includes(name)
  );
}

/** True if its servers get requests for the model under this name. */
function serves({ models, rewrites, onlyModel }: Pool, model: string): boolean {
  if (rewrites.some(({ targets }) => targets.some((target) => target.model === model))) return true;
  const isRewritten = rewrites.some(
    (rewrite) => rewrite.model === undefined || rewrite.model === model,
  );
  return !isRewritten && (onlyModel === model || models.some(({ name }) => name === model));
}
