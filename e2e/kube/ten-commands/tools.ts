import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { umbra } from "../../harness/processes.ts";
import { moduleFolder } from "../definitions.ts";

export interface Tools {
  /** What the commands find first. */
  readonly path: string;
  /** The images that docker was to push. */
  pushedImages(): readonly string[];
}

export interface ToolsOptions {
  readonly folder: string;
  /** Where the pods' processes say what they are. */
  readonly pods: string;
  readonly kubectl: string;
  readonly helm: string;
  /** Addresses of releases that the commands name. */
  readonly releases: readonly string[];
}

/**
 * The programs of the commands: helm and umbra are the real ones, and kubectl but for `port-forward`, which needs a
 * kubelet, and addresses of releases, whose files are made of the Go module of the same version. Docker is a stand-in.
 */
export function writeTools({ folder, pods, kubectl, helm, releases }: ToolsOptions): Tools {
  const path = join(folder, "bin");
  mkdirSync(path);
  symlinkSync(helm, join(path, "helm"));
  const write = (name: string, script: string): void => {
    writeFileSync(join(path, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(path, name), 0o755);
  };
  const quoted = (text: string) => `'${text}'`;
  const node = quoted(process.execPath);
  write("umbra", `exec ${node} ${quoted(umbra)} "$@"`);
  const pushed = join(folder, "pushed");
  writeFileSync(pushed, "");
  write(
    "docker",
    `echo "stand-in for docker: $*"; if [ "$1" = push ]; then echo "$2" >> ${quoted(pushed)}; fi`,
  );
  const forward = fileURLToPath(new URL("port-forward-stand-in.ts", import.meta.url));
  const cases = releases.map((url, index) => {
    const file = join(folder, `release-${index}.yaml`);
    writeFileSync(file, releaseFile(url));
    return `    ${quoted(url)}) each=${quoted(file)}; echo "stand-in for the release: $each" >&2 ;;`;
  });
  write(
    "kubectl",
    `case " $* " in *" port-forward "*)
  exec ${node} --disable-warning=ExperimentalWarning --conditions=@umbra/source ${quoted(forward)} ${quoted(kubectl)} ${quoted(pods)} "$@" ;;
esac
for each; do
  shift
  case "$each" in
${cases.join("\n")}
  esac
  set -- "$@" "$each"
done
exec ${quoted(kubectl)} "$@"`,
  );
  return {
    path,
    pushedImages: () => readFileSync(pushed, "utf8").split("\n").slice(0, -1),
  };
}

/** Folders of a project's Go module whose files make a file of its releases. */
const folderOf: Readonly<Record<string, string>> = {
  "standard-install.yaml": "config/crd/standard",
  "manifests.yaml": "config/crd/bases",
};

/** The file of a release, made as the project makes it. */
function releaseFile(url: string): string {
  const [, project = "", version = "", file = ""] =
    /^https:\/\/github\.com\/kubernetes-sigs\/([^/]+)\/releases\/download\/([^/]+)\/([^/]+)$/.exec(
      url,
    ) ?? [];
  const inside = folderOf[file];
  if (inside === undefined) throw new Error(`${url} is no address of a release that is known here`);
  const folder = join(moduleFolder(`sigs.k8s.io/${project}@${version}`), inside);
  const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  return files.map((name) => `---\n${readFileSync(join(folder, name), "utf8")}\n`).join("");
}
