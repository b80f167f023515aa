import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createExtProcServer } from "@umbra/ext-proc";
import type { Certificates } from "@umbra/grpc";
import { openCertificates, selfSigned } from "@umbra/sidecar/internal";
import pino from "pino";

const log = pino({ level: "silent" });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "umbra-tls-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write({ cert, key }: Certificates) {
  const files = { certFile: join(folder, "tls.crt"), keyFile: join(folder, "tls.key") };
  writeFileSync(files.keyFile, key);
  writeFileSync(files.certFile, cert);
  return files;
}

/** Resolves with the socket after a handshake like Envoy's: ALPN h2, nothing verified. */
function shakeHands(address: string, own: Partial<Certificates> = {}): Promise<TLSSocket> {
  const [host, port] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(port),
      ALPNProtocols: ["h2"],
      rejectUnauthorized: false,
      ...own,
    });
    // With TLS 1.3, a client learns about a rejection with the first bytes.
    socket.once("data", () => resolve(socket));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed")));
    socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  });
}

function serverOf(tls: Certificates) {
  const decide = () => ({ kind: "route" as const, setHeaders: [] });
  return createExtProcServer({
    tls,
    processor: { pick: () => ({ decide }), observe: () => ({}) },
  });
}

describe("TLS", () => {
  test("a connection without a handshake does not block closing", async () => {
    const server = serverOf(await selfSigned());
    const address = await server.listen("127.0.0.1:0");
    const silent = connectTcp(Number(address.split(":")[1]), "127.0.0.1");
    silent.on("error", () => {});
    try {
      await new Promise((resolve) => silent.once("connect", resolve));
      // The server has accepted it after another connection was served.
      (await shakeHands(address)).destroy();
      await expect(server.close(50)).resolves.toBeUndefined();
    } finally {
      silent.destroy();
    }
  }, 5_000);

  test("uses h2 with a self-signed certificate, and accepts another one later", async () => {
    const [first, second] = [await selfSigned(), await selfSigned()];
    const server = serverOf(first);
    const address = await server.listen("127.0.0.1:0");
    try {
      const before = await shakeHands(address);
      expect(before.alpnProtocol).toBe("h2");
      server.setCertificates(second);
      const after = await shakeHands(address);
      expect(after.getPeerX509Certificate()?.fingerprint).not.toBe(
        before.getPeerX509Certificate()?.fingerprint,
      );
      // Open connections stay.
      expect(before.destroyed).toBe(false);
      before.destroy();
      after.destroy();
    } finally {
      await server.close(0);
    }
  });

  test("with a CA, clients without its certificate are rejected", async () => {
    const own = await selfSigned();
    // A self-signed certificate is its own CA.
    const friend = await selfSigned();
    const server = serverOf({ ...own, clientCa: friend.cert });
    const address = await server.listen("127.0.0.1:0");
    try {
      await expect(shakeHands(address)).rejects.toThrow();
      await expect(shakeHands(address, await selfSigned())).rejects.toThrow();
      const socket = await shakeHands(address, friend);
      socket.destroy();
    } finally {
      await server.close(0);
    }
  });
});

describe("certificates from files", () => {
  test("are reloaded when they change, and kept if the new ones are invalid", async () => {
    const [first, second] = [await selfSigned(), await selfSigned()];
    const files = write(first);
    const certificates = await openCertificates({ kind: "files", ...files }, log);
    try {
      expect(certificates.first).toEqual(first);
      const changed = new Promise<Certificates>((resolve) => certificates.watch(resolve));
      // The certificate alone does not match the key: nothing is reported until both are there.
      writeFileSync(files.certFile, second.cert);
      writeFileSync(files.keyFile, second.key);
      expect(await changed).toEqual(second);
    } finally {
      certificates.close();
    }
  }, 20_000);

  test.each([
    {
      name: "a file that is not there",
      edit: () => join(folder, "nothing"),
      says: "can't be read",
    },
    {
      name: "a key of another certificate",
      edit: async () => {
        const file = join(folder, "other.key");
        writeFileSync(file, (await selfSigned()).key);
        return file;
      },
      says: "can't be used",
    },
  ])("$name is an error with its name", async ({ edit, says }) => {
    const files = write(await selfSigned());
    const keyFile = await edit();
    const opened = openCertificates({ kind: "files", ...files, keyFile }, log);
    await expect(opened).rejects.toThrow(keyFile);
    await expect(opened).rejects.toThrow(says);
  });
});
