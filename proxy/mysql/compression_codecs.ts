/** zlib and zstd, at once for little and on another thread for much. */
import zlib from "node:zlib";
import type { Compression } from "./capabilities.ts";

/** What takes longer than a millisecond is left to another thread. */
const atOnceBytes = 32_768;
/** zstd: a frame may ask for a window of gigabytes; no honest one is larger than what is in it. */
const windowLogMax = 24;

type Done = (error: Error | null, result: Uint8Array) => void;

export interface Codec {
  compress(bytes: Uint8Array, done: Done): void;
  /** Gives at most `bytesMax` bytes; an error where there would be more, or where it is not compressed data. */
  inflate(bytes: Uint8Array, bytesMax: number, done: Done): void;
}

type Sync<Options> = (bytes: Uint8Array, options: Options) => Uint8Array;
type Async<Options> = (bytes: Uint8Array, options: Options, done: Done) => void;

function either<O>(work: number, sync: Sync<O>, later: Async<O>, bytes: Uint8Array, options: O, done: Done) {
  if (work > atOnceBytes) return later(bytes, options, done);
  let result: Uint8Array;
  try {
    result = sync(bytes, options);
  } catch (error) {
    return done(error as Error, new Uint8Array(0));
  }
  done(null, result);
}

export const codecs: Readonly<Record<Compression, Codec>> = {
  zlib: {
    compress: (bytes, done) => either(bytes.length, zlib.deflateSync, zlib.deflate, bytes, {}, done),
    inflate: (bytes, maxOutputLength, done) =>
      either(maxOutputLength, zlib.inflateSync, zlib.inflate, bytes, { maxOutputLength }, done),
  },
  zstd: {
    compress: (bytes, done) =>
      either(bytes.length, zlib.zstdCompressSync, zlib.zstdCompress, bytes, {}, done),
    inflate(bytes, maxOutputLength, done) {
      const params = { [zlib.constants.ZSTD_d_windowLogMax]: windowLogMax };
      const { zstdDecompressSync, zstdDecompress } = zlib;
      either(maxOutputLength, zstdDecompressSync, zstdDecompress, bytes, { maxOutputLength, params }, done);
    },
  },
};
