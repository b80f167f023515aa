import { resourceName } from "../resource-ref.ts";
import { enforcedElsewhereAnnotation } from "../resources/annotations.ts";
import type { Meta } from "../resources/meta.ts";
import type { Report } from "../resources/report.ts";
import type { LintInput } from "./lint-input.ts";
import { protectiveName } from "./protection.ts";
import { usedServices } from "./used-services.ts";

const pluginsAnnotation = "konghq.com/plugins";

/** Kong's own plugins that restrict or protect without a name that says so; objects are often named after them. */
const protectivePlugin =
  /\bjwt|\bacl\b|ip-?restriction|openid|oidc|\bopa\b|\bmtls\b|\bsaml\b|bot-?detection|request-?(?:validator|termination|size-?limiting)|header-cert/i;

/** Kong attaches its plugins, authentication and rate limits among them, to Gateways, routes and Services by an annotation. */
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
  const shown = `${kind} "${resourceName(from)}" asks for the plugins "${plugins}" of Kong`;
  const isProtective = protectiveName.test(plugins) || protectivePlugin.test(plugins);
  const code = isProtective ? "UMB0250" : "UMB0251";
  if (from.annotations[enforcedElsewhereAnnotation] === "true") {
    const message = `${shown}, and its annotation says that they are enforced elsewhere`;
    report("info", code, place, message, { remedy: "nothing needs to be done" });
  } else {
    const severity = code === "UMB0250" ? "error" : "warning";
    report(severity, code, place, `${shown}, and Umbra does not run them`);
  }
}
