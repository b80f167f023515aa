import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readlinkSync } from "node:fs";
import { until } from "../harness/until.ts";

/** A network namespace with one address on the bridge, where a pod's programs run. */
export interface PodNamespace {
  readonly address: string;
  /** A process that is in it as long as it is open. */
  readonly pid: number;
  /** Starts a program in it. */
  spawn(command: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess;
  /** Ends what holds it open. */
  close(): void;
}

/** Network of all pods: a bridge in this process's own network namespace. */
export class PodNetwork {
  /** The node's address, and that of the bridge between all pods. */
  readonly nodeAddress: string;
  /** Addresses of Gateways: all of them are local. */
  readonly gatewayAddresses: string;
  readonly #prefix: string;
  #lastHost = 10;

  /**
   * Sets up loopback, the bridge and the addresses of Gateways. Throws when this namespace has them already.
   *
   * @param prefix the first two bytes of all addresses
   */
  constructor(prefix = "10.244") {
    this.#prefix = prefix;
    this.nodeAddress = `${prefix}.0.1`;
    this.gatewayAddresses = `${prefix}.200.0/24`;
    runIp("link set lo up");
    runIp("link add br0 type bridge");
    runIp(`address add ${this.nodeAddress}/16 dev br0`);
    runIp("link set br0 up");
    runIp(`route add local ${this.gatewayAddresses} dev lo`);
  }

  /** Takes the bridge and the addresses away again. */
  close(): void {
    runIp(`route del local ${this.gatewayAddresses} dev lo`);
    runIp("link del br0");
  }

  async open(): Promise<PodNamespace> {
    const host = this.#lastHost++;
    const address = `${this.#prefix}.${host >> 8}.${host & 255}`;
    const holder = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
    const pid = holder.pid ?? 0;
    await until("the pod's namespace is open", () => namespaceOf(pid) !== namespaceOf("self"));
    const inside = ["--target", String(pid), "--net"];
    const link = `pod${host}`;
    runIp(`link add ${link} type veth peer name eth0 netns ${pid}`);
    runIp(`link set ${link} master br0 up`);
    const lines = ["link set lo up", `address add ${address}/16 dev eth0`, "link set eth0 up"];
    for (const line of [...lines, `route add default via ${this.nodeAddress}`])
      execFileSync("nsenter", [...inside, "ip", ...line.split(" ")]);
    return {
      ...{ address, pid },
      spawn: (command, args, env) =>
        spawn("nsenter", [...inside, command, ...args], { env, stdio: ["ignore", "pipe", "pipe"] }),
      close: () => holder.kill("SIGKILL"),
    };
  }
}

function namespaceOf(pid: number | "self"): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

function runIp(line: string): void {
  execFileSync("ip", line.split(" "));
}
