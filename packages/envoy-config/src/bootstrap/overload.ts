import { because, type EnvoyObject, extension } from "./envoy-object.ts";
import type { BootstrapOptions } from "./options.ts";
import { setting } from "./setting.ts";

const heapMonitor = "envoy.resource_monitors.fixed_heap";

/** What Envoy does before it runs out of connections or memory. */
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
        "First, each connection ends with its answer: idle ones hold memory.",
        atHeap("envoy.overload_actions.disable_http_keepalive", 0.92),
      ),
      because(
        "Then memory that is free goes back to the system.",
        atHeap("envoy.overload_actions.shrink_heap", 0.95),
      ),
      because(
        "Last, new requests get 503 and running ones go on.",
        atHeap("envoy.overload_actions.stop_accepting_requests", 0.98),
      ),
    ],
  };
}

function atHeap(action: string, share: number): EnvoyObject {
  return { name: action, triggers: [{ name: heapMonitor, threshold: { value: share } }] };
}
