import { because, type EnvoyObject, extension } from "./envoy-object.ts";
import type { BootstrapOptions } from "./options.ts";
import { setting } from "./setting.ts";

const heapMonitor = "envoy.resource_monitors.fixed_heap";

/** Actions that Envoy takes before it runs out of connections or memory. */
export function overloadManager(options: BootstrapOptions): EnvoyObject {
  return {
    refresh_interval: "0.25s",
    resource_monitors: [
      extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        { max_active_downstream_connections: setting(options, "maxConnections") },
      ),
      extension(heapMonitor, "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig", {
        max_heap_size_bytes: setting(options, "maxHeapBytes"),
      }),
    ],
    actions: [
      because(
        "First, close each connection after its answer, because idle connections use memory.",
        atHeap("envoy.overload_actions.disable_http_keepalive", 0.92),
      ),
      because(
        "Then return free memory to the system.",
        atHeap("envoy.overload_actions.shrink_heap", 0.95),
      ),
      because(
        "Last, answer new requests with 503, while running ones continue.",
        atHeap("envoy.overload_actions.stop_accepting_requests", 0.98),
      ),
    ],
  };
}

function atHeap(action: string, share: number): EnvoyObject {
  return { name: action, triggers: [{ name: heapMonitor, threshold: { value: share } }] };
}
