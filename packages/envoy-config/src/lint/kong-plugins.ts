import { resourceName } from "../resource-ref.ts";
import type { Meta } from "../resources/meta.ts";
import type { Report } from "../resources/report.ts";
import { enforcedElsewhereAnnotation } from "../resources/unread.ts";
import type { LintInput } from "./lint-input.ts";
import { protectiveName } from "./protection.ts";
import { usedServices } from "./used-services.ts";

const pluginsAnnotation = "konghq.com/plugins";

/** Kong's own plugins that restrict or protect although their name does not suggest it. Objects are often named after them. */
const protectivePlugin =
  /\bjwt|\bacl\b|ip-?restriction|openid|oidc|\bopa\b|\bmtls\b|\bsaml\b|bot-?detection|request-?(?:validator|termination|size-?limiting)|header-cert/i;

/** Reports Kong plugins, such as authentication and rate limits, which annotations attach to Gateways, routes and Services. */
export function lintKongPlugins({ topology, resources }: LintInput, report: Report): void {
  const { gateways, routes } = resources;
  for (const each of gateways) reportPlugins("Gateway", each, report);
  for (const each of routes) reportPlugins("HTTPRoute", each, report);
  for (const each of usedServices(topology, resources)) reportPlugins("Service", each, report);
}

function reportPlugins(kind: string, from: Meta, report: Report): void {
  const plugins = from.annotations[pluginsAnnotation]?.slice(0, 256) ?? "";
  if (plugins === "") return;
  const place = from.annotationPlace(pluginsAnnotation);
  const shown = `${kind} "${resourceName(from)}" requests the Kong plugins "${plugins}"`;
  const isProtective = protectiveName.test(plugins) || protectivePlugin.test(plugins);
  const code = isProtective ? "UMB0250" : "UMB0251";
  if (from.annotations[enforcedElsewhereAnnotation] === "true") {
    const message = `${shown}, which are enforced elsewhere according to its annotation`;
    report("info", code, place, message, { remedy: "no action needed" });
  } else {
    const severity = code === "UMB0250" ? "error" : "warning";
    report(severity, code, place, `${shown}, but Umbra does not run them`);
  }
}
