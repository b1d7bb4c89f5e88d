/** `postern explain` and `postern catalog`: policy tried without running anything. */
import type { PolicyConfig } from "../../policy/config.ts";
import { compileRules } from "../../policy/decide.ts";
import {
  answersAsJsonLines,
  answersAsText,
  explain,
  readQuestions,
  supposedIdentity,
} from "../../policy/explain.ts";
import { compileMasks } from "../../policy/masking.ts";
import type { TargetQuery } from "../../policy/ports.ts";
import type { Catalog, Dialect } from "../../policy/sql/dialect.ts";
import { dialectOf } from "../../policy/sql/mod.ts";
import type { Target } from "../../policy/types.ts";
import { type Commands, type ConfigReader, readText, say, UsageError, type Values } from "./run.ts";

const explainOptions = {
  as: "string",
  groups: "string",
  target: "string",
  catalog: "string",
  json: "boolean",
} as const;

async function targetOf(policy: PolicyConfig, name: unknown): Promise<{ target: Target; dialect: Dialect }> {
  const target = policy.targets.find((one) => one.name === name);
  if (target === undefined) {
    const names = policy.targets.map((one) => one.name).join(", ");
    throw new UsageError(`Name a target of the config: ${names}`);
  }
  const dialect = dialectOf(target.protocol);
  if (dialect === undefined) throw new UsageError(`${target.name} has no dialect`);
  await dialect.ready();
  return { target, dialect };
}

/** Judges the statements of a file, or of standard input. Exit code 0 whatever the verdicts are. */
async function explainCommand(
  file: string | undefined,
  values: Values,
  policy: PolicyConfig,
  query: TargetQuery,
): Promise<number> {
  const { target, dialect } = await targetOf(policy, values.target);
  const { as: name, groups } = values;
  if (typeof name !== "string" || typeof groups !== "string") {
    throw new UsageError("Say who asks: --as NAME --groups A,B");
  }
  const catalog: Catalog = typeof values.catalog === "string"
    ? dialect.catalogFromJson(readText(values.catalog))
    : await dialect.readCatalog(target, target.database, query);
  const at = Date.now();
  const who = supposedIdentity(name, groups.split(",").map((one) => one.trim()), at);
  const text = file === undefined || file === "-"
    ? await new Response(Deno.stdin.readable).text()
    : readText(file);
  const questions = readQuestions(text);
  for (const { line, message } of questions.problems) console.error(`line ${line}: ${message}`);
  const answers = explain(questions, {
    catalog,
    masks: compileMasks(policy.masks)(who.groups, target.name),
    rules: compileRules(policy.rules),
    who,
    target,
    database: target.database,
    clientAddress: "127.0.0.1",
    at,
    state: { schema: target.database },
  });
  const output = values.json === true ? answersAsJsonLines(answers) : answersAsText(answers);
  return await say(output.trimEnd(), questions.problems.length > 0 ? 1 : 0);
}

async function catalogCommand(
  name: string,
  values: Values,
  policy: PolicyConfig,
  query: TargetQuery,
): Promise<number> {
  const { target, dialect } = await targetOf(policy, name);
  const catalog = await dialect.readCatalog(target, target.database, query);
  if (values["probe-role-sql"] !== true) return await say(catalog.json);
  const { lookup } = compileMasks(policy.masks)([], target.name);
  return await say(catalog.probeRole(lookup, target.probe?.account.user ?? "postern_probe"));
}

export function explainCommands(config: ConfigReader, query: TargetQuery): Commands {
  return {
    explain: {
      usage: "--config FILE --as NAME --groups A,B --target NAME [--catalog FILE] [--json] [FILE|-]",
      about: "what would happen to statements, without running any",
      options: { config: "string", ...explainOptions },
      operands: [0, 1],
      run: ([file], values) => explainCommand(file, values, config.policy(values), query),
    },
    catalog: {
      usage: "TARGET --config FILE [--probe-role-sql]",
      about: "a target's catalog as JSON, for explain --catalog; or SQL that makes its probe role",
      options: { config: "string", "probe-role-sql": "boolean" },
      operands: [1, 1],
      run: ([name], values) => catalogCommand(name ?? "", values, config.policy(values), query),
    },
  };
}
