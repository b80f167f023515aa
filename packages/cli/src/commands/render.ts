import { defaultBootstrapOptions, renderBootstrap } from "@umbra/envoy-config";
import { Command } from "commander";
import type { Io } from "../io.ts";
import { hostPort } from "../resources/host-port.ts";
import {
  type SidecarTlsFlags,
  sidecarAddress,
  sidecarTlsOf,
  withSidecarTlsFlags,
} from "../resources/sidecar-flags.ts";
import {
  soundTopologyOf,
  type TopologyFlags,
  withTopologyFlags,
} from "../resources/topology-flags.ts";

interface RenderFlags extends TopologyFlags, SidecarTlsFlags {
  readonly sidecar: string;
  readonly envoyAdmin: string;
  readonly plainMirror?: true;
  readonly observe: boolean;
}

/** `umbra render`: the Envoy bootstrap on stdout, nothing else. */
export function renderCommand(io: Io): Command {
  const command = new Command("render").summary("print the Envoy bootstrap");
  return withSidecarTlsFlags(
    withTopologyFlags(command, { isDirectAllowed: true })
      .description("Prints the Envoy 1.40 bootstrap for the resources.")
      .option(
        "--sidecar <address>",
        "where Envoy finds the sidecar: host:port or unix:/path",
        defaultBootstrapOptions.sidecar,
      ),
  )
    .option(
      "--envoy-admin <host:port>",
      "Envoy's admin interface",
      defaultBootstrapOptions.envoyAdmin,
    )
    .option(
      "--plain-mirror",
      "mirror straight to the shadow's cluster: no lane, no sidecar, Envoy's own balancing",
    )
    .option("--no-observe", "leave the recorder's filter out")
    .addHelpText(
      "after",
      "\nExample:\n  $ umbra render -f examples/mirror --endpoints vllm-llama2-7b-pool=10.0.0.1:8000 > envoy.yaml",
    )
    .action((flags: RenderFlags) => {
      hostPort(flags.envoyAdmin, "--envoy-admin");
      const { envoyAdmin, observe } = flags;
      const plainMirror = flags.plainMirror === true;
      io.stdout(
        renderBootstrap(soundTopologyOf(flags, io), {
          sidecar: sidecarAddress(flags.sidecar, "--sidecar"),
          ...sidecarTlsOf(flags),
          envoyAdmin,
          observe,
          plainMirror,
        }),
      );
    });
}
