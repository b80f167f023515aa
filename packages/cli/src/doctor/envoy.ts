import { spawnSync } from "node:child_process";
import { type FoundEnvoy, findEnvoy } from "../envoy/find-envoy.ts";
import { affecting, envoyAdvisories } from "./advisories.ts";
import { areaOf, type Finding } from "./finding.ts";
import { orLater } from "./machine.ts";
import { isOlder, type Version, versionIn, versionText } from "./version.ts";

/** The Envoy binary that `umbra up` would run. */
export type EnvoyFound =
  | ({ readonly ok: true; readonly versionOutput: string } & FoundEnvoy)
  | { readonly ok: false; readonly reason: string };

const timeoutMs = 10_000;

export function locateEnvoy(env: Readonly<Record<string, string | undefined>>): EnvoyFound {
  let found: FoundEnvoy;
  try {
    found = findEnvoy(env);
  } catch (cause) {
    return { ok: false, reason: (cause as Error).message };
  }
  const { path } = found;
  const { status, stdout, error, signal } = spawnSync(path, ["--version"], {
    encoding: "utf8",
    timeout: timeoutMs,
    maxBuffer: 1024 ** 2,
  });
  if (status === 0) return { ok: true, versionOutput: stdout, ...found };
  const why = error?.message ?? (signal === null ? `exit status ${status}` : `killed by ${signal}`);
  return { ok: false, reason: `${path} --version fails: ${why}` };
}

const renderedFor: Version = [1, 40, 0];
const { ok, wrong } = areaOf("machine");

/** Pure. `running` is the version reported by an Envoy at the admin address. */
export function judgeEnvoy(found: EnvoyFound, running: string | undefined): readonly Finding[] {
  const findings = running === undefined ? [] : versionFindings("the running Envoy", running);
  if (found.ok) {
    const name = `Envoy at ${found.path} (${found.origin})`;
    return [...versionFindings(name, found.versionOutput), ...findings];
  }
  // Envoy is started by someone else.
  if (running !== undefined) return findings;
  return [wrong("error", "UMB0403", found.reason.replace(/(: `|\. ).*/s, ""))];
}

function versionFindings(name: string, says: string): readonly Finding[] {
  const version = versionIn(says);
  if (version === undefined) {
    const versionOutput = says.trim().slice(0, 80);
    return [wrong("warning", "UMB0404", `${name} reports an unknown version: "${versionOutput}"`)];
  }
  const text = versionText(version);
  const findings: Finding[] = [];
  if (version[0] !== renderedFor[0] || version[1] !== renderedFor[1]) {
    const isOld = isOlder(version, renderedFor);
    const message = `${name} is ${text}: the bootstrap is for Envoy 1.40`;
    findings.push(wrong(isOld ? "warning" : "info", "UMB0404", message));
  }
  for (const { id, what, fixedIn } of affecting(version, envoyAdvisories, 2)) {
    const remedy = `update Envoy to ${orLater(fixedIn)}`;
    findings.push(
      wrong("warning", "UMB0405", `${name} is ${text}, which has ${id}: ${what}`, remedy),
    );
  }
  return findings.length === 0 ? [ok(`${name} is ${text}`)] : findings;
}
