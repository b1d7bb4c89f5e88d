/** The shape of the code base as DESIGN.md wants it: who may import whom, and the house rules that a program can check. */
/// <reference lib="deno.unstable" />
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

const root = new URL("../", import.meta.url).pathname;

// ---- what is there -----------------------------------------------------------------------------------------

const sourceFolders = ["proxy", "policy", "ui", "tests"];
const notSource = new Set(["node_modules", "dist", "data"]);

function walk(folder: string): string[] {
  return readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    if (notSource.has(entry.name) || entry.name.startsWith(".")) return [];
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? walk(path) : [path];
  });
}

const files = [
  ...sourceFolders.flatMap(walk),
  ...readdirSync(root).filter((name) => name.endsWith(".ts")),
].sort();
const sources = files.filter((path) => /\.tsx?$/.test(path));
const textOf = (path: string): string => readFileSync(root + path, "utf8");
const isTest = (path: string): boolean => path.startsWith("tests/");

interface Import {
  readonly from: string;
  /** A path in the repository, or `npm:name`, or `node:name`. */
  readonly to: string;
}

/** Every import of every source file, types included, as Deno itself resolves them. */
async function readImports(): Promise<Import[]> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(entry, sources.map((path) => `import "file://${root}${path}";\n`).join(""));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", `${root}deno.json`, entry],
      cwd: root,
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return importsOf(JSON.parse(new TextDecoder().decode(stdout)), entry);
  } finally {
    await Deno.remove(entry);
  }
}

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

function importsOf(graph: Graph, entry: string): Import[] {
  const local = (specifier: string) => specifier.replace(`file://${root}`, "");
  return graph.modules.filter((module) => !module.specifier.endsWith(entry)).flatMap((module) => {
    return (module.dependencies ?? []).flatMap(({ code, type }) =>
      [code?.specifier, type?.specifier].filter((one) => one !== undefined)
        .map((to) => ({ from: local(module.specifier), to: local(to) }))
    );
  });
}

const imports = await readImports();

const complain = (what: string, found: readonly string[]) =>
  assert.deepEqual([...new Set(found)].sort(), [], what);

// ---- who may import whom -----------------------------------------------------------------------------------

const layers = ["ui/contract", "ui/api", "ui/app", "ui", "policy", "proxy", "tests", "main.ts"] as const;
type Layer = typeof layers[number];

const mayImport: Readonly<Record<Layer, readonly Layer[]>> = {
  "main.ts": ["proxy", "policy", "ui", "ui/api", "ui/contract"],
  proxy: ["proxy", "policy"],
  policy: ["policy"],
  ui: ["ui", "ui/api", "ui/contract", "policy"],
  "ui/api": ["ui/api", "ui/contract", "policy"],
  "ui/app": ["ui/app", "ui/contract"],
  "ui/contract": ["ui/contract"],
  tests: layers,
};

const layerOf = (path: string): Layer | null =>
  layers.find((layer) => path === layer || path === `${layer}.ts` || path.startsWith(`${layer}/`)) ?? null;

Deno.test("every import follows the dependency rule", () => {
  const inside = imports.filter(({ to }) => !/^(npm|node|data|https?|jsr):/.test(to));
  assert.ok(inside.length > 50, "the graph was read");
  complain(
    "imports against the rule",
    inside.filter(({ from, to }) => {
      const [source, destination] = [layerOf(from), layerOf(to)];
      return source === null || destination === null || !mayImport[source].includes(destination);
    }).map(({ from, to }) => `${from} imports ${to}`),
  );
});

Deno.test("one protocol never imports another", () => {
  const protocolOf = (path: string) => path.match(/^proxy\/(postgres|mysql)\//)?.[1];
  complain(
    "imports across protocols",
    imports.filter(({ from, to }) =>
      protocolOf(from) !== undefined && protocolOf(to) !== undefined && protocolOf(from) !== protocolOf(to)
    ).map(({ from, to }) => `${from} imports ${to}`),
  );
});

/** Which folders may import a package; tests may import any. A package that is not here is for tests only. */
const packageHomes: Readonly<Record<string, readonly string[]>> = {
  "@electric-sql/pglite": ["policy/store/"],
  "@marcbachmann/cel-js": ["policy/"],
  "@pgsql/types": ["policy/sql/"],
  "@preact/signals": ["ui/app/"],
  canonicalize: ["policy/"],
  hono: ["ui/api/"],
  jose: ["policy/identity/"],
  "libphonenumber-js": ["policy/"],
  "libpg-query": ["policy/sql/"],
  "node-sql-parser": ["policy/sql/"],
  nodemailer: ["policy/notify/"],
  oauth4webapi: ["policy/identity/"],
  postgres: ["policy/store/"],
  preact: ["ui/app/"],
  "prom-client": ["policy/"],
  "@noble/hashes": ["policy/"],
  "@opentelemetry/api": ["policy/traces/"],
  "@opentelemetry/otlp-transformer": ["policy/traces/"],
  "@opentelemetry/resources": ["policy/traces/"],
  "@opentelemetry/sdk-trace": ["policy/traces/"],
  "preact-iso": ["ui/app/"],
  validator: ["policy/"],
  yaml: ["policy/", "main.ts"],
  zod: ["policy/", "proxy/", "ui/", "main.ts"],
};

const packageOf = (specifier: string): string | null =>
  specifier.match(/^npm:\/?((?:@[^/]+\/)?[^@/]+)/)?.[1] ?? null;

Deno.test("a package is imported only where it has its home", () => {
  complain(
    "imports of packages away from home",
    imports.filter(({ from, to }) => {
      const name = packageOf(to);
      if (name === null || isTest(from)) return false;
      return !(packageHomes[name] ?? []).some((home) => from.startsWith(home));
    }).map(({ from, to }) => `${from} imports ${to}`),
  );
});

// ---- names -------------------------------------------------------------------------------------------------

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[\s;{(,])\/\/.*$/gm, "$1");

const namesProtocols = [
  "proxy/postgres/",
  "proxy/mysql/",
  "proxy/protocol.ts",
  "policy/sql/",
  "policy/store/",
  // The words of a key that is named after a protocol.
  "policy/config_meanings_table.ts",
];

Deno.test("a protocol is named only in its folder, its dialect and the one list", () => {
  const elsewhere = sources.filter((path) =>
    !isTest(path) && !namesProtocols.some((home) => path.startsWith(home))
  );
  complain(
    "protocols named elsewhere",
    elsewhere.flatMap((path) =>
      [...withoutComments(textOf(path)).matchAll(/^.*(postgres|mysql|mariadb).*$/gim)].map(([line]) =>
        `${path}: ${line.trim()}`
      )
    ),
  );
});

Deno.test("files and folders are named in snake_case", () => {
  complain(
    "names that are not snake_case",
    files.filter((path) =>
      !path.split("/").every((part) => /^[a-z0-9]+(_[a-z0-9]+)*(\.[a-z0-9]+)*$/.test(part))
    )
      .filter((path) => !path.endsWith(".md")),
  );
});

const topLevel = new Set([
  ...[".ci", ".git", ".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "packaging"],
  ...["deno.json", "deno.lock", "main.ts", "policy", "proxy", "tests", "ui"],
]);

Deno.test("only the agreed entries are at the top level", () => {
  const ignored = new Set(textOf(".gitignore").split("\n").map((line) => line.replaceAll("/", "").trim()));
  complain(
    "entries that nobody agreed on",
    readdirSync(root).filter((name) => !topLevel.has(name) && !ignored.has(name)),
  );
});

// ---- house rules -------------------------------------------------------------------------------------------

const fileLinesMax = 300;
const functionLinesMax = 70;

/** Longer than the rule allows, each with its reason. */
const longFiles: Readonly<Record<string, string>> = {
  "policy/types.ts": "the vocabulary in one place: types without code",
};

/** Files whose length is that of a table or of a list of cases. */
const isExempt = (path: string): boolean =>
  path in longFiles || /^tests\/(?!support\/|demo\/)/.test(path) ||
  /(^|_)(table|tables|vectors)\.ts$/.test(path) || /^tests\/support\/\w+_statements\.ts$/.test(path);

Deno.test("no source file is longer than people read at once", () => {
  complain(
    `files of more than ${fileLinesMax} lines`,
    sources.filter((path) => !isExempt(path)).flatMap(
      (path) => {
        const lines = textOf(path).trimEnd().split("\n").length;
        return lines > fileLinesMax ? [`${path}: ${lines}`] : [];
      },
    ),
  );
});

type FunctionNode =
  | Deno.lint.FunctionDeclaration
  | Deno.lint.FunctionExpression
  | Deno.lint.ArrowFunctionExpression;

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;

/** Deno's own parser, through its lint plugins, finds what a regular expression would only guess. */
const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    length: {
      create(context) {
        const check = (node: FunctionNode) => {
          const text = context.sourceCode.text;
          const lines = lineOf(text, node.range[1]) - lineOf(text, node.range[0]) + 1;
          if (lines <= functionLinesMax) return;
          context.report({
            node,
            message: `line ${lineOf(text, node.range[0])}: a function of ${lines} lines`,
          });
        };
        return { FunctionDeclaration: check, FunctionExpression: check, ArrowFunctionExpression: check };
      },
    },
    any: {
      create(context) {
        return {
          TSAnyKeyword(node) {
            const line = lineOf(context.sourceCode.text, node.range[0]);
            context.report({ node, message: `line ${line}: any` });
          },
        };
      },
    },
  },
};

const findings = (rule: string, paths: readonly string[]): string[] =>
  paths.flatMap((path) =>
    Deno.lint.runPlugin(plugin, path, textOf(path))
      .filter((diagnostic) => diagnostic.id === `house/${rule}`)
      .map((diagnostic) => `${path}, ${diagnostic.message}`)
  );

Deno.test("no function is longer than people read at once", () => {
  complain(
    `functions of more than ${functionLinesMax} lines`,
    findings("length", sources.filter((path) => !isExempt(path))),
  );
});

Deno.test("the linter's parser does find what these tests rely on", () => {
  const long = `function f() {\n${"f();\n".repeat(80)}}\nlet x: any;`;
  const ids = Deno.lint.runPlugin(plugin, "x.ts", long).map((one) => one.id);
  assert.deepEqual(ids.sort(), ["house/any", "house/length"]);
});

Deno.test("nothing is typed any, except where an untyped package is adapted", () => {
  complain("uses of any", findings("any", sources.filter((path) => !path.includes("adapter"))));
});

Deno.test("no note of unfinished work is left behind", () => {
  const marker = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"].join("|")})\\b`);
  complain(
    "notes of unfinished work",
    sources.flatMap((path) =>
      textOf(path).split("\n").flatMap((line, n) =>
        marker.test(line) ? [`${path}:${n + 1}: ${line.trim()}`] : []
      )
    ),
  );
});

Deno.test("every dependency is pinned to one version and imported by its bare name", () => {
  const pins: Record<string, string> = JSON.parse(textOf("deno.json")).imports;
  const exact = /^npm:(@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(-[\w.]+)?$/;
  complain("open versions", Object.values(pins).filter((pin) => !exact.test(pin)));
  complain(
    "imports that bypass deno.json",
    sources.filter((path) => /(from|import\()\s*["'](npm|jsr|https?):/.test(textOf(path))),
  );
});

Deno.test("every dependency is used", () => {
  const pins: Record<string, string> = JSON.parse(textOf("deno.json")).imports;
  const used = new Set(imports.map(({ to }) => packageOf(to)));
  // What a test reads as a file and never imports.
  for (const path of sources) {
    for (const [, name = ""] of textOf(path).matchAll(/\.resolve\("([\w-]+)\//g)) used.add(name);
  }
  complain("dependencies that nobody imports", Object.keys(pins).filter((name) => !used.has(name)));
});
