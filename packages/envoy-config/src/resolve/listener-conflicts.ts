import { conditionOf } from "../conditions.ts";
import type { Report } from "../resources/report.ts";
import type { Gateway } from "../resources/resources.ts";
import type { Attachment } from "./attachments.ts";

/** Where listeners listen. */
export interface Socket {
  readonly address: string;
  readonly port: number;
  readonly attachments: readonly Attachment[];
}

/** Removes listeners that can't be distinguished from an earlier one on the address and port, or use another protocol. Reports them. */
export function withoutConflicts({ attachments, ...socket }: Socket, report: Report): Socket {
  const conflicting = new Set<Attachment>();
  const claimed = new Map<Gateway, Map<string, Attachment>>();
  const [first] = attachments;
  for (const each of attachments) {
    const { gateway, listener, hostname } = each;
    const byHostname = claimed.get(gateway) ?? new Map<string, Attachment>();
    claimed.set(gateway, byHostname);
    const earlier = byHostname.get(hostname);
    byHostname.set(hostname, earlier ?? each);
    const tell = (reason: "ProtocolConflict" | "HostnameConflict", message: string) => {
      conflicting.add(each);
      const owner = { kind: "Gateway", ...gateway };
      const condition = { ...conditionOf(owner, "Conflicted", reason), listener: listener.name };
      report("error", "UMB0224", listener.place, message, { condition });
    };
    if (first !== undefined && isTls(first) !== isTls(each)) {
      const message = `port ${socket.port} already uses ${protocolOf(first)} for listener "${first.listener.name}" of Gateway "${first.gateway.name}"`;
      tell("ProtocolConflict", message);
    } else if (earlier !== undefined) {
      const message = `listener "${earlier.listener.name}" has the same port and hostname`;
      tell("HostnameConflict", message);
    }
  }
  return { ...socket, attachments: attachments.filter((each) => !conflicting.has(each)) };
}

function isTls({ listener }: Attachment): boolean {
  return listener.tls !== undefined;
}

function protocolOf(attachment: Attachment): string {
  return isTls(attachment) ? "HTTPS" : "HTTP";
}
