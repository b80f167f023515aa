import { servicePoolName } from "../names.ts";
import { pickerAnnotation } from "../resources/annotations.ts";
import type { Report } from "../resources/report.ts";
import type { Service, ServicePort } from "../resources/resources.ts";
import type { Pool } from "../topology.ts";
import { requestedPickMode } from "./pick-mode.ts";
import { drainingOf, noEndpoints, type PoolParts } from "./pool-parts.ts";

export function servicePool(from: Service, port: ServicePort, parts: PoolParts): Pool {
  const { finder, tls, metricsPlaces, pickModes, report } = parts;
  const found = finder.ofService(from, port);
  const { endpoints, draining } = found ?? noEndpoints;
  return {
    name: servicePoolName(from, port.port),
    kind: "Service",
    namespace: from.namespace,
    resourceName: from.name,
    endpoints,
    ...drainingOf(draining),
    ...(found === undefined ? { dns: dnsOf(from, port, report) } : {}),
    picker: found === undefined || from.annotations[pickerAnnotation] === "none" ? "none" : "umbra",
    ...requestedPickMode(from, [], pickModes),
    failureMode: "FailOpen",
    protocol: port.protocol,
    ...(port.isWebSocket === true ? { takesWebSockets: true } : {}),
    ...tls.ofService(from, port),
    models: [],
    endpointLabels: {},
    ...metricsPlaces(from, endpoints, finder.podOf),
    rewrites: [],
    objectives: [],
  };
}

/** A headless Service has no port of its own: its name resolves to the Pods, which listen on their own ports. */
function dnsOf(from: Service, port: ServicePort, report: Report): NonNullable<Pool["dns"]> {
  const hostname = `${from.name}.${from.namespace}.svc`;
  const { targetPort = port.port } = port;
  if (!from.isHeadless) return { hostname, port: port.port };
  if (typeof targetPort === "number") return { hostname, port: targetPort };
  const message = `the target port "${targetPort}" of the headless Service "${from.name}" is a name that no Pod or EndpointSlice defines: using port ${port.port}`;
  const remedy =
    "use a port number, add the ready Pods or EndpointSlices, or list the endpoints with --endpoints";
  report("warning", "UMB0252", port.place, message, { remedy });
  return { hostname, port: port.port };
}
