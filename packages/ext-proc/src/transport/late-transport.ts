import type { Certificates, Transport } from "./transport.ts";

/** A transport whose code is loaded when it listens: who serves by another never pays for it. */
export function lateTransport(load: () => Promise<Transport>): Transport {
  let transport: Transport | undefined;
  let certificates: Certificates | undefined;
  let isClosed = false;
  return {
    async listen(address) {
      const loaded = await load();
      if (isClosed) throw new Error(`${address} can't be listened on: the server is closed`);
      transport = loaded;
      if (certificates !== undefined) transport.setCertificates(certificates);
      return transport.listen(address);
    },
    setCertificates(next) {
      certificates = next;
      transport?.setCertificates(next);
    },
    async close(graceMs) {
      isClosed = true;
      await transport?.close(graceMs);
    },
  };
}
