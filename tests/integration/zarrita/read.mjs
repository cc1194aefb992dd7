// Reads Zarr arrays over HTTP with zarrita.js and prints what it got, one JSON line an array:
//   node read.mjs GROUP_URL ARRAY...
// {"array": "vectors", "dtype": "float32", "shape": [3, 2], "sha256": "…"}   (bytes in C order)
import { createHash } from "node:crypto";
import * as zarr from "zarrita";

const [url, ...names] = process.argv.slice(2);
const group = await zarr.open.v3(new zarr.FetchStore(url), { kind: "group" });
for (const name of names) {
  const array = await zarr.open.v3(group.resolve(name), { kind: "array" });
  const { data, shape } = await zarr.get(array);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  console.log(JSON.stringify({ array: name, dtype: array.dtype, shape, sha256 }));
}
