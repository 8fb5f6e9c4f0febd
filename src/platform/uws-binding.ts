/**
 * Which build of uWebSockets.js this process loads, decided without loading it.
 *
 * Upstream publishes on GitHub only. Two packages on npm hold its binaries, and neither covers all
 * that Clipbook runs on:
 *
 *     package                        Node              Linux needs
 *     uWebSockets.js (uws-pack)      18, 20, 21, 22    glibc 2.28
 *     @btc-vision/uwebsockets.js     20, 22, 24, 25    glibc 2.38
 *
 * Both are installed, and the first one that has a binary for this platform and this Node is taken.
 * A package is judged by its files, and a binary by the symbols that it asks of the C library, so
 * upstream's own release in the place of the first package needs no change here. Why, and how to
 * take upstream's: docs/decisions/uwebsockets-binaries.md.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PACKAGES = ['uWebSockets.js', '@btc-vision/uwebsockets.js'] as const;
export type PackageName = (typeof PACKAGES)[number];

export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** The version of Node's binary interface: `process.versions.modules`. */
  readonly abi: string;
  readonly nodeVersion: string;
  /** Null: not Linux, or a Linux with another C library. */
  readonly glibc: string | null;
}

export interface Binding {
  readonly package: PackageName;
  /** Its path. */
  readonly binary: string;
}

/** The files of the installed packages. */
export interface Files {
  /** The path of a package's binary of this name; null where it has none. */
  binaryOf(name: PackageName, file: string): string | null;
  /** The oldest glibc that has all that this binary asks for. */
  glibcNeededBy(binary: string): string;
}

/** The first package that has a binary for this machine; null where none has. */
export function chooseBinding(machine: Machine, files: Files): Binding | null {
  for (const name of PACKAGES) {
    const binary = files.binaryOf(name, binaryName(machine));
    if (binary !== null) return { package: name, binary };
  }
  return null;
}

/** Why this machine can't load what was chosen, in one line for the operator; null where it can. */
export function bindingRefusal(machine: Machine, files: Files): string | null {
  const { platform, arch, nodeVersion, glibc } = machine;
  const binding = chooseBinding(machine, files);
  if (binding === null)
    return `uWebSockets.js has no binary for Node ${nodeVersion} on ${platform} ${arch} (${binaryName(machine)}): run \`npm ci\` again, or use Node 20, 22 or 24 on Linux, macOS or Windows`;
  if (platform !== 'linux') return null;
  const needed = files.glibcNeededBy(binding.binary);
  if (glibc === null)
    return `uWebSockets.js needs glibc ${needed} or later, and this Linux has another C library: use one with glibc, such as Debian`;
  if (isOlder(glibc, needed))
    return `uWebSockets.js for Node ${nodeVersion} needs glibc ${needed} or later, and this system has ${glibc}: use Node 22 (or 20), or a newer system such as Debian 13 or Ubuntu 24.04`;
  return null;
}

/** `chooseBinding` for this process. Throws where there is none. */
export function bindingHere(): Binding {
  const machine = machineOf(null);
  const binding = chooseBinding(machine, INSTALLED);
  if (binding === null) throw new Error(`uWebSockets.js has no ${binaryName(machine)}`);
  return binding;
}

/** `bindingRefusal` for this process. Takes about 15 ms, so it is asked once, at the start. */
export function bindingRefusalHere(): string | null {
  return bindingRefusal(machineOf(process.platform === 'linux' ? glibcVersion() : null), INSTALLED);
}

function binaryName({ platform, arch, abi }: Machine): string {
  return `uws_${platform}_${arch}_${abi}.node`;
}

function machineOf(glibc: string | null): Machine {
  const { platform, arch, versions } = process;
  return { platform, arch, abi: versions.modules, nodeVersion: versions.node, glibc };
}

function glibcVersion(): string | null {
  const { report } = process;
  if (report === undefined) return null;
  // Otherwise the report looks up the names of all peers, which may take seconds.
  Object.assign(report, { excludeNetwork: true });
  const { header } = report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime ?? null;
}

export const INSTALLED: Files = {
  /** Beside the package's entry, or in `bin/` there. */
  binaryOf(name, file) {
    try {
      const entry = import.meta.resolve(name);
      const paths = [`./${file}`, `./bin/${file}`].map((path) => fileURLToPath(new URL(path, entry)));
      return paths.find((path) => existsSync(path)) ?? null;
    } catch {
      return null;
    }
  },
  /** An ELF file names the version of each symbol that it asks for, as `GLIBC_2.38`. */
  glibcNeededBy(binary) {
    let newest = '2.0';
    for (const [, version = ''] of readFileSync(binary, 'latin1').matchAll(/\0GLIBC_(\d+\.\d+)(?=[.\0])/g))
      if (isOlder(newest, version)) newest = version;
    return newest;
  },
};

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [majorMin = 0, minorMin = 0] = than.split('.').map(Number);
  return major < majorMin || (major === majorMin && minor < minorMin);
}
