// Prints the CID that ipfs-unixfs-importer gives a generated file:  node cids.mjs SIZE
//
// The profile is the importer's own reading of IPIP-499, not a list of options of ours. The file
// is the one of `Counted` in test_cids.py: the 32-bit big-endian numbers from 0, cut to SIZE.

import { importByteStream } from "ipfs-unixfs-importer";

const PART = 1 << 18;

function* counted(size) {
  for (let start = 0; start < size; start += PART) {
    const part = Buffer.allocUnsafe(PART);
    for (let at = 0; at < PART; at += 4) part.writeUInt32BE((start + at) / 4, at);
    yield part.subarray(0, Math.min(PART, size - start));
  }
}

let blocks = 0;
const nowhere = {
  put: (cid) => {
    blocks += 1;
    return cid;
  },
};
const { cid } = await importByteStream(counted(Number(process.argv[2])), nowhere, {
  profile: "unixfs-v1-2025",
});
console.log(JSON.stringify({ cid: cid.toString(), blocks }));
