/** What `postern explain` needs: statements from a text, and their verdicts, without a connection. Pure. */
import { type CompiledRules, decide, mayConnect, type Place } from "./decide.ts";
import type { MaskSet } from "./masking.ts";
import { denied, safeName } from "./reasons.ts";
import type { Catalog } from "./sql/dialect.ts";
import type {
  Identity,
  JudgedStatement,
  Judgement,
  SqlState,
  StatementKind,
  Target,
  Verdict,
} from "./types.ts";

/** One thing to judge: the messages of one session, in order. Most have one. */
export interface Question {
  readonly id: string;
  readonly steps: readonly string[];
}

/** One line of the answer, in the order of its keys. */
export interface Answer {
  readonly id: string;
  readonly verdict: Verdict;
  readonly rule: string;
  readonly reason: string;
  /** What to do next; empty where it is allowed. */
  readonly hint: string;
  readonly kind: StatementKind;
  /** `schema.table`, each once. */
  readonly tables: readonly string[];
  /** `schema.table.column` of masked columns that are touched. */
  readonly masked: readonly string[];
}

export interface Questions {
  /** `one`: plain SQL, judged as one message, which has one answer for each of its statements. */
  readonly form: "one" | "many";
  readonly questions: readonly Question[];
  /** Lines of JSON that cannot be read; counted from 1. */
  readonly problems: readonly { readonly line: number; readonly message: string }[];
}

/** JSON Lines (`{"id","sql"}` or `{"id","steps":[…]}`) where the text begins with `{`, else plain SQL. */
export function readQuestions(text: string): Questions {
  const body = text.startsWith("\ufeff") ? text.slice(1) : text;
  if (!body.trimStart().startsWith("{")) {
    return { form: "one", questions: [{ id: "1", steps: [body] }], problems: [] };
  }
  const questions: Question[] = [];
  const problems: { line: number; message: string }[] = [];
  for (const [at, line] of body.split("\n").entries()) {
    if (line.trim() === "") continue;
    const question = readLine(line, at + 1);
    if (typeof question === "string") problems.push({ line: at + 1, message: question });
    else questions.push(question);
  }
  return { form: "many", questions, problems };
}

function readLine(line: string, number: number): Question | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "is not JSON";
  }
  if (typeof value !== "object" || value === null) return "is not a JSON object";
  const { id = number, sql, steps } = value as { id?: unknown; sql?: unknown; steps?: unknown };
  if (typeof id !== "string" && typeof id !== "number") return 'has an "id" that is neither text nor number';
  if (Array.isArray(steps)) {
    if (steps.length === 0) return 'has no entry in "steps"';
    if (!steps.every((step): step is string => typeof step === "string")) {
      return 'has an entry in "steps" that is no text';
    }
    return { id: String(id), steps };
  }
  return typeof sql === "string" ? { id: String(id), steps: [sql] } : 'has neither "sql" nor "steps"';
}

export interface ExplainDeps {
  readonly catalog: Catalog;
  readonly masks: MaskSet;
  readonly rules: CompiledRules;
  readonly who: Identity;
  readonly target: Target;
  readonly database: string;
  readonly clientAddress: string;
  /** Epoch milliseconds: rules may ask for the time. */
  readonly at: number;
  /** What the session starts with, as the target's protocol would say it. */
  readonly state: SqlState;
}

/** Somebody as `--as` and `--groups` describe them. */
export function supposedIdentity(name: string, groups: readonly string[], at: number): Identity {
  return {
    subject: name,
    issuer: "explain",
    name,
    groups,
    signedInAt: at,
    expiresAt: at + 3_600_000,
    method: "explain",
  };
}

/** Answers in the order of the questions. Total: what cannot be judged is denied. */
export function explain({ form, questions }: Questions, deps: ExplainDeps): Answer[] {
  const begin = judgeFor(deps);
  return questions.flatMap(({ id, steps }) => {
    const judgements = steps.map(begin());
    return form === "one" ? judgements.flatMap(answersOfMessage) : [answerOf(id, judgements)];
  });
}

/** For each question a session of its own: what one message sets, the next ones are read by. */
function judgeFor(deps: ExplainDeps): () => (text: string) => Judgement {
  const { catalog, masks, rules, who, target, database, clientAddress, at, state } = deps;
  if (!mayConnect(who, target)) {
    const groups = target.groups.join(", ");
    const refusal = denied(
      `targets.${target.name}.groups`,
      `${safeName(who.name)} may not connect to ${target.name}: it is for members of ${groups}`,
      "Name one of these groups in --groups",
    );
    return () => () => ({ ...refusal, tainted: false, statements: [] });
  }
  const analyst = catalog.analyst(masks.key, masks.lookup);
  const where: Place = { target: target.name, database, environment: target.environment, clientAddress };
  const asksEstimate = rules.applicable(who, where).some(({ condition }) => condition?.asksEstimate === true);
  return () => {
    let current = state;
    return (text) => {
      const judgement = decide(analyst.analyse(text, current), who, where, at, rules);
      current = analyst.after?.(text, current) ?? current;
      return asksEstimate ? withoutEstimate(judgement) : judgement;
    };
  };
}

/** A target is asked for its estimate only by a session: here it counts to the strict side, as wherever it is not known. */
function withoutEstimate(judgement: Judgement): Judgement {
  const said = <T extends { readonly verdict: Verdict; readonly hint: string }>(one: T): T =>
    one.verdict === "allow" ? one : {
      ...one,
      hint:
        `${one.hint} (A rule asks for the target's estimate, which is not known here: it counts as strict.)`
          .trimStart(),
    };
  return { ...said(judgement), statements: judgement.statements.map(said) };
}

/** Each statement of a plain text, by its place; the message itself where there are none, or it is refused whole. */
function answersOfMessage(judgement: Judgement): Answer[] {
  const { statements, verdict } = judgement;
  if (statements.length === 0) return [answer("1", judgement, [])];
  const answers = statements.map((statement, at) => answer(String(at + 1), statement, [statement]));
  const strictest = statements.some((statement) => statement.verdict === verdict);
  return strictest ? answers : [...answers, answer("all", judgement, statements)];
}

const severity: Readonly<Record<Verdict, number>> = { allow: 0, approve: 1, deny: 2 };

/** The strictest step's verdict: the session gets no further than that. */
function answerOf(id: string, judgements: readonly Judgement[]): Answer {
  const strictest = judgements.reduce((worst, one) =>
    severity[one.verdict] > severity[worst.verdict] ? one : worst
  );
  return answer(id, strictest, judgements.flatMap(({ statements }) => statements));
}

type Decided = Pick<JudgedStatement, "verdict" | "rule" | "reason" | "hint">;

function answer(
  id: string,
  { verdict, rule, reason, hint }: Decided,
  statements: readonly JudgedStatement[],
): Answer {
  const decisive = statements.find((one) => one.verdict === verdict && one.rule === rule) ?? statements[0];
  const tables = statements.flatMap(({ facts }) =>
    facts.tables.map(({ schema, name }) => `${schema}.${name}`)
  );
  const masked = statements.flatMap(({ facts, result }) => [
    ...facts.masked,
    ...(result.kind !== "columns" ? [] : result.masks.flatMap((mask) => mask === null ? [] : [mask.column])),
  ]);
  return {
    id,
    verdict,
    rule,
    reason,
    hint,
    kind: decisive?.facts.kind ?? "unknown",
    tables: [...new Set(tables)].toSorted(),
    masked: [...new Set(masked)].toSorted(),
  };
}

/** For `--json`: one answer a line. */
export function answersAsJsonLines(answers: readonly Answer[]): string {
  return answers.map((one) => `${JSON.stringify(one)}\n`).join("");
}

/** For people: one block an answer. Nothing in it can steer the terminal. */
export function answersAsText(answers: readonly Answer[]): string {
  return answers.map(({ id, verdict, reason, hint, masked }) => {
    const lines = [
      `${safeName(id)}  ${verdict.toUpperCase()}  ${reason}`,
      ...(hint === "" ? [] : [`    ${hint}`]),
      ...(masked.length === 0 ? [] : [`    masked: ${masked.map(safeName).join(", ")}`]),
    ];
    return `${lines.join("\n")}\n`;
  }).join("");
}
