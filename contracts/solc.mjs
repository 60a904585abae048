#!/usr/bin/env node
// The compiler from npm (WebAssembly) in the place of the `solc` program that forge starts:
//
//   contracts/solc.mjs --version
//   contracts/solc.mjs --standard-json <JSON >JSON
//
// Forge puts all sources into the JSON, so its arguments about paths mean nothing here. The
// compiler uses one core; files are therefore dealt out to several, each of which reads all
// sources and makes code for its own. That changes how long it takes, never the bytes.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

const require = createRequire(import.meta.url);
const MOST_AT_ONCE = 4; // each takes 300 MB

function compile(input) {
  return JSON.parse(require("solc").compile(JSON.stringify(input)));
}

// Deals out the files for which output is asked, the longest first, to whom has least to do.
function deal(input) {
  const { outputSelection, ...settings } = input.settings;
  const length = (file) => input.sources[file]?.content?.length;
  const asked = Object.keys(outputSelection).filter((file) => Object.keys(outputSelection[file]).length > 0);
  const count = Math.min(availableParallelism(), MOST_AT_ONCE, asked.length);
  if (count < 2 || asked.some((file) => length(file) === undefined)) return [input];
  const parts = Array.from({ length: count }, () => ({ files: [], length: 0 }));
  for (const file of asked.sort((a, b) => length(b) - length(a))) {
    const part = parts.reduce((least, other) => (other.length < least.length ? other : least));
    part.files.push(file);
    part.length += length(file);
  }
  return parts.map(({ files }) => {
    const mine = Object.fromEntries(files.map((file) => [file, outputSelection[file]]));
    return { ...input, settings: { ...settings, outputSelection: mine } };
  });
}

function elsewhere(input) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: input });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

function join(outputs) {
  const joined = { contracts: {}, errors: [], sources: {} };
  for (const { contracts = {}, errors = [], sources = {} } of outputs) {
    Object.assign(joined.contracts, contracts);
    const known = new Set(joined.errors.map((error) => error.formattedMessage));
    joined.errors.push(...errors.filter((error) => !known.has(error.formattedMessage)));
    for (const file of Object.keys(sources)) {
      joined.sources[file] = { ...joined.sources[file], ...sources[file] };
    }
  }
  return joined;
}

async function main() {
  if (process.argv.includes("--version")) {
    console.log(`Version: ${require("solc/package.json").version}`);
  } else if (process.argv.includes("--standard-json")) {
    const parts = deal(JSON.parse(readFileSync(0, "utf8")));
    const outputs = parts.length > 1 ? await Promise.all(parts.map(elsewhere)) : parts.map(compile);
    process.stdout.write(JSON.stringify(join(outputs)));
  } else {
    console.error("error: contracts/solc.mjs is asked for neither --version nor --standard-json");
    process.exitCode = 1;
  }
}

if (isMainThread) await main();
else parentPort.postMessage(compile(workerData));
