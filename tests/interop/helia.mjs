// A Helia node whose blocks lie in a block folder of ours:  node helia.mjs FOLDER
//
// It listens on loopback alone and dials nothing else: no bootstrap, no discovery, no routing.
// Each line of standard input is a request in JSON, each line of standard output an answer;
// the first answer is where it listens. It ends with its standard input.

import { constants, createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBitswap } from "@helia/bitswap";
import { Helia } from "@helia/utils";
import { identify } from "@libp2p/identify";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { MemoryDatastore } from "datastore-core";
import { exporter } from "ipfs-unixfs-exporter";
import { importByteStream } from "ipfs-unixfs-importer";
import { fixedSize } from "ipfs-unixfs-importer/chunker";
import { balanced } from "ipfs-unixfs-importer/layout";
import { createLibp2p } from "libp2p";

const LOOPBACK = "/ip4/127.0.0.1/";

// Where store.py keeps a block; of an `interface-blockstore` only what Helia asks for here.
class BlockFolder {
  constructor(root) {
    this.path = (cid) => join(root, "blocks", cid.toString().at(-2), cid.toString());
  }

  has(cid) {
    return access(this.path(cid), constants.R_OK).then(() => true, () => false);
  }

  async *get(cid) {
    yield await readFile(this.path(cid));
  }

  async put(cid, block) {
    const parts = [];
    for await (const part of block instanceof Uint8Array ? [block] : block) parts.push(part);
    await mkdir(dirname(this.path(cid)), { recursive: true });
    await writeFile(this.path(cid), Buffer.concat(parts));
    return cid;
  }
}

const libp2p = await createLibp2p({
  addresses: { listen: [`${LOOPBACK}tcp/0`] },
  connectionGater: { denyDialMultiaddr: (address) => !`${address}`.startsWith(LOOPBACK) },
  connectionEncrypters: [noise()],
  services: { identify: identify() },
  streamMuxers: [yamux()],
  transports: [tcp()],
});
const helia = new Helia({
  blockBrokers: [
    (components) => {
      const bitswap = createBitswap(components);
      return {
        name: "bitswap",
        announce: (cid, options) => bitswap.notify(cid, options),
        createSession: (options) => bitswap.createSession(options),
        retrieve: (cid, options) => bitswap.want(cid, options),
        start: () => bitswap.start(),
        stop: () => bitswap.stop(),
      };
    },
  ],
  blockstore: new BlockFolder(process.argv[2]),
  datastore: new MemoryDatastore(),
  libp2p,
});
await helia.start();

// The exporter wants a block whole, Helia gives it in parts.
const blocks = {
  async get(cid, options) {
    const parts = [];
    for await (const part of helia.blockstore.get(cid, options)) parts.push(part);
    return Buffer.concat(parts);
  },
};

const DO = {
  // As `ipfs add --cid-version=1 --chunker=size-CHUNK --max-file-links=LINKS` of a Kubo does.
  async add({ source, chunk, links }) {
    const { cid } = await importByteStream(createReadStream(source), helia.blockstore, {
      chunker: fixedSize({ chunkSize: chunk }),
      cidVersion: 1,
      layout: balanced({ maxChildrenPerNode: links }),
      rawLeaves: true,
    });
    return { cid: cid.toString() };
  },
  // What is missing comes from the peers, and stays in the folder.
  async get({ cid, target }) {
    const file = await exporter(cid, blocks);
    await pipeline(Readable.from(file.content()), createWriteStream(target));
    return {};
  },
};

const answer = (value) => console.log(JSON.stringify(value));
answer({ address: libp2p.getMultiaddrs()[0].toString() });
const requests = createInterface({ input: process.stdin });
requests.on("close", () => process.exit(0));
requests.on("line", async (line) => {
  const request = JSON.parse(line);
  try {
    answer(await DO[request.do](request));
  } catch (error) {
    answer({ error: `${error}` });
  }
});
