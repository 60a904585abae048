// Compiles every deployable contract into one JSON artifact each.
//
//   node contracts/build.mjs [--out FOLDER]        default: src/visdm/contracts
//
// The bytes depend on the sources, the pinned compiler and the settings below and on nothing
// else: not on the folder, the machine, the time, nor on contracts that are not imported (each
// contract is a compilation of its own). Warnings fail the build.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const SHIPPED = join(ROOT, "src/visdm/contracts");
const FOLDERS = ["contracts/src", "contracts/devnet"]; // contracts/test is never deployed
const EVM_VERSION = "prague"; // the newest that every local chain runs
const OPTIMIZER_RUNS = 1000; // higher makes calls cheaper and bytecode larger; as in foundry.toml

const SETTINGS = {
  evmVersion: EVM_VERSION,
  optimizer: { enabled: true, runs: OPTIMIZER_RUNS },
  viaIR: true,
  metadata: { appendCBOR: false, bytecodeHash: "none" },
};

class BuildError extends Error {}

async function loadCompiler() {
  try {
    return (await import("solc")).default;
  } catch (error) {
    throw new BuildError(`the compiler cannot be loaded (${error.code ?? error.message}); run: make contracts`);
  }
}

function solidityFiles(folder) {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".sol"))
    .sort();
}

function read(unit) {
  const home = unit.startsWith("contracts/") ? ROOT : join(ROOT, "node_modules");
  return readFileSync(join(home, unit), "utf8");
}

function compile(solc, file) {
  const sources = new Map([[file, read(file)]]);
  const input = {
    language: "Solidity",
    sources: { [file]: { content: sources.get(file) } },
    settings: {
      ...SETTINGS,
      outputSelection: { [file]: { "": ["ast"], "*": ["abi", "evm.bytecode.object", "evm.bytecode.linkReferences"] } },
    },
  };
  const findImport = (unit) => {
    try {
      sources.set(unit, read(unit));
      return { contents: sources.get(unit) };
    } catch {
      return { error: `${unit} is not there` };
    }
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
  const complaints = (output.errors ?? []).map((complaint) => complaint.formattedMessage.trim());
  if (complaints.length > 0) throw new BuildError(complaints.join("\n\n"));
  return { output, sources };
}

function digest(sources) {
  const hash = createHash("sha256");
  for (const unit of [...sources.keys()].sort()) {
    hash.update(`${unit}\0${createHash("sha256").update(sources.get(unit)).digest("hex")}\n`);
  }
  return hash.digest("hex");
}

function artifacts(solc, file) {
  const { output, sources } = compile(solc, file);
  const deployable = output.sources[file].ast.nodes.filter(
    (node) => node.nodeType === "ContractDefinition" && node.contractKind === "contract" && !node.abstract,
  );
  return deployable.map(({ name }) => {
    const { abi, evm } = output.contracts[file][name];
    if (Object.keys(evm.bytecode.linkReferences).length > 0) {
      throw new BuildError(`${file}: ${name} must be linked to a library; make its functions internal`);
    }
    return {
      abi,
      bytecode: `0x${evm.bytecode.object}`,
      compiler: { ...SETTINGS, version: solc.version() },
      name,
      source: file,
      sources_sha256: digest(sources), // of all it imports too
    };
  });
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

function removeOthers(folder, names) {
  for (const found of readdirSync(folder)) {
    if (found.endsWith(".json") && !names.has(found)) rmSync(join(folder, found));
  }
}

function write(folder, built) {
  mkdirSync(folder, { recursive: true });
  if (folder === SHIPPED) removeOthers(folder, new Set(built.map(({ name }) => `${name}.json`)));
  for (const artifact of built) {
    const text = `${JSON.stringify(sorted(artifact), null, 2)}\n`;
    writeFileSync(join(folder, `${artifact.name}.json`), text);
    const bytes = artifact.bytecode.length / 2 - 1;
    console.log(`${artifact.name}: ${bytes} bytes to deploy, from ${artifact.source}`);
  }
}

async function main() {
  const { values } = parseArgs({ options: { out: { type: "string", default: SHIPPED } } });
  const solc = await loadCompiler();
  const built = FOLDERS.flatMap(solidityFiles).flatMap((file) => artifacts(solc, file));
  const twice = built.map(({ name }) => name).find((name, place, names) => names.indexOf(name) !== place);
  if (twice !== undefined) throw new BuildError(`two contracts are called ${twice}`);
  if (built.length === 0) throw new BuildError(`no contract in ${FOLDERS.join(" or ")}`);
  write(resolve(values.out), built);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
