import type { Report } from "../resources/reader.ts";
import type { Meta } from "../resources/resources.ts";
import { enforcedElsewhereAnnotation } from "../resources/unread.ts";
import type { LintInput } from "./lint.ts";
import { isProtectiveName } from "./protection.ts";

const pluginsAnnotation = "konghq.com/plugins";

/** Kong attaches its plugins, authentication and rate limits among them, to Gateways, routes and Services by an annotation. */
export function lintKongPlugins({ topology, resources }: LintInput, report: Report): void {
  const { gateways, routes, services } = resources;
  const used = new Set(
    topology.pools
      .filter(({ kind }) => kind === "Service")
      .map(({ namespace, resourceName }) => `${namespace}/${resourceName}`),
  );
  const usedServices = services.filter(({ namespace, name }) => used.has(`${namespace}/${name}`));
  for (const each of gateways) reportPlugins("Gateway", each, report);
  for (const each of routes) reportPlugins("HTTPRoute", each, report);
  for (const each of usedServices) reportPlugins("Service", each, report);
}

function reportPlugins(kind: string, from: Meta, report: Report): void {
  const plugins = from.annotations[pluginsAnnotation]?.slice(0, 256) ?? "";
  if (plugins === "") return;
  const place = from.annotationPlace(pluginsAnnotation);
  const shown = `${kind} "${from.namespace}/${from.name}" asks for the plugins "${plugins}" of Kong`;
  const code = isProtectiveName(plugins) ? "UMB0250" : "UMB0251";
  if (from.annotations[enforcedElsewhereAnnotation] === "true") {
    const message = `${shown}, and its annotation says that they are enforced elsewhere`;
    report("info", code, place, message, { remedy: "nothing needs to be done" });
  } else {
    const severity = code === "UMB0250" ? "error" : "warning";
    report(severity, code, place, `${shown}, and Umbra does not run them`);
  }
}
