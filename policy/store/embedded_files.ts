/** The embedded database's files: PGlite's own way to a folder, with what it lacks, and without what it asks twice. */
import { NodeFS } from "@electric-sql/pglite/nodefs";
import { existsSync, fdatasyncSync, fstatSync, statfsSync } from "node:fs";

/** A file or folder as Emscripten knows it: one object, whatever is open on it. */
type FileNode = object;

interface FileStream {
  readonly nfd: number;
  readonly node: FileNode;
  readonly position: number;
}

interface Attributes {
  readonly size?: number;
}

/** The parts of Emscripten's module that are set here. */
interface EmscriptenModule {
  FS: { ErrnoError: new (errno: number) => Error };
  NODEFS: {
    getMode(path: string): number;
    node_ops: { setattr(node: FileNode, attributes: Attributes): void };
    stream_ops: {
      fsync?: (stream: FileStream) => number;
      setattr(stream: FileStream, attributes: Attributes): void;
      write(stream: FileStream, buffer: unknown, offset: number, length: number, position: number): number;
      llseek(stream: FileStream, offset: number, whence: number): number;
    };
  };
  onAbort?: () => void;
}

/** Emscripten's numbers. */
const ENOENT = 44;
const SEEK_END = 2;

export class SyncedFolder extends NodeFS {
  /** The database stopped itself (PANIC), as when its log finds the disk full. Any further call would hang. */
  aborted = false;

  get folder(): string {
    return this.rootDir;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.rootDir);
    return bavail * bsize;
  }

  override async init(...[pg, options]: Parameters<NodeFS["init"]>): ReturnType<NodeFS["init"]> {
    const { emscriptenOpts } = await super.init(pg, options);
    const before = emscriptenOpts.preRun ?? [];
    const hooks = (given: unknown) => {
      const module = given as EmscriptenModule;
      syncs(module);
      missesCheaply(module);
      remembersSizes(module);
      module.onAbort = () => {
        this.aborted = true;
      };
    };
    const preRun = [...(Array.isArray(before) ? before : [before]), hooks];
    return { emscriptenOpts: { ...emscriptenOpts, preRun } };
  }
}

/**
 * PGlite's file system has no fsync, so PGlite runs without it: a commit would survive kill -9 (the bytes are
 * the kernel's) but a power loss could tear the data files. With it, the log is on the disk before what it
 * describes, as on any PostgreSQL.
 */
function syncs({ NODEFS }: EmscriptenModule): void {
  NODEFS.stream_ops.fsync = ({ nfd }) => {
    fdatasyncSync(nfd);
    return 0;
  };
}

/** With each new page PostgreSQL looks for a free space map that is not there yet: an exception of the runtime's costs more than the page. */
function missesCheaply({ FS, NODEFS }: EmscriptenModule): void {
  const { getMode } = NODEFS;
  NODEFS.getMode = (path) => {
    // Also false for a link to nowhere, of which a data folder has none.
    if (!existsSync(path)) throw new FS.ErrnoError(ENOENT);
    return getMode(path);
  };
}

/**
 * PostgreSQL asks for a file's size before it makes it longer, page by page. Nobody else writes to the folder, so
 * what it wrote itself is known.
 */
function remembersSizes({ NODEFS }: EmscriptenModule): void {
  const { node_ops, stream_ops } = NODEFS;
  const sizes = new WeakMap<FileNode, number>();
  const { write, llseek } = stream_ops;
  stream_ops.write = (stream, buffer, offset, length, position) => {
    const known = sizes.get(stream.node);
    // It may fail half-way.
    sizes.delete(stream.node);
    const written = write(stream, buffer, offset, length, position);
    if (known !== undefined) sizes.set(stream.node, Math.max(known, position + written));
    return written;
  };
  stream_ops.llseek = (stream, offset, whence) => {
    if (whence !== SEEK_END) return llseek(stream, offset, whence);
    let size = sizes.get(stream.node);
    if (size === undefined) sizes.set(stream.node, size = fstatSync(stream.nfd).size);
    return size + offset;
  };
  for (const ops of [node_ops, stream_ops] as { setattr(of: object, attributes: Attributes): void }[]) {
    const { setattr } = ops;
    const nodeOf = (of: object) => ("node" in of && "nfd" in of ? (of as FileStream).node : of);
    ops.setattr = (of, attributes) => {
      sizes.delete(nodeOf(of));
      setattr(of, attributes);
    };
  }
}
