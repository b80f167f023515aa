import type { IncomingMessage } from "node:http";

const maxBodyBytes = 64 * 1024 * 1024;

/** Reads a request's body as text. Rejects if the client disconnects or sends more than 64 MiB. */
export function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) {
        request.destroy();
        reject(new Error("the body is larger than 64 MiB"));
        return;
      }
      chunks.push(chunk);
    });
    request.once("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    request.once("error", reject);
    request.once("close", () => reject(new Error("the client disconnected")));
  });
}
