import type { AdminAnswers } from "@umbra/sidecar";
import { nounOf } from "@umbra/xds";
import { queryAdmin } from "../process/admin-client.ts";

type ConfigAnswer = AdminAnswers["/v1/config"];
type Refused = ConfigAnswer["envoys"][number]["refused"][number];

/** What Envoy says about its first configuration: it is not there yet, or has taken it, or refuses parts of it. */
export type FirstAnswer =
  | { readonly kind: "none" }
  | { readonly kind: "taken" }
  | { readonly kind: "refused"; readonly words: string };

/** Asks the sidecar whether an Envoy has taken its configuration. */
export async function firstAnswer(admin: string): Promise<FirstAnswer> {
  const config = await queryAdmin(admin, "/v1/config").catch(() => undefined);
  const envoys = config?.envoys.filter(({ isUpToDate }) => isUpToDate) ?? [];
  if (envoys.length === 0) return { kind: "none" };
  const refused = envoys.flatMap((envoy) => envoy.refused);
  if (refused.length > 0) return { kind: "refused", words: wordsOf(refused) };
  // What Envoy has refused before this call is left out by now.
  const found = config?.findings.filter(({ code }) => code === "UMB0502") ?? [];
  if (found.length === 0) return { kind: "taken" };
  return { kind: "refused", words: introduced(found.map(({ message }) => `\n  ${message}`)) };
}

const mostNamed = 10;

function wordsOf(refused: readonly Refused[]): string {
  const named = refused
    .slice(0, mostNamed)
    .map(({ type, name, message }) => `\n  ${nounOf(type)} "${name}": ${message}`);
  const rest = refused.length - named.length;
  const more = rest > 0 ? `\n  and ${rest} more` : "";
  return introduced([...named, more]);
}

function introduced(lines: readonly string[]): string {
  return `Envoy refuses its configuration. Check for a port that is in use, or a part that it rejects:${lines.join("")}`;
}
