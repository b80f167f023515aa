import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { selfSigned } from "@umbra/sidecar/internal";

/** Writes `NAME.pem` and `NAME.key` for each name. Each certificate is its own authority. */
export async function writeSelfSigned(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { cert, key } = await selfSigned();
    writeFileSync(join(folder, `${name}.pem`), cert);
    writeFileSync(join(folder, `${name}.key`), key);
  }
}
