/** A message as each kind of channel shows it: Slack's Block Kit, Teams' Adaptive Card, plain e-mail, JSON. Pure. */
import type { Json } from "../types.ts";
import type { Message } from "./message.ts";

/** Slack reads <, > and & in its text as markup, and nothing else within a code block. */
const slackText = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** A plain_text object shows its text as it is. Slack's limits: 150 characters of a header, 2,000 of a field, 10 fields. */
export function slackBlocks(message: Message): Json {
  const fields = message.facts.map(([label, text]): Json => ({
    type: "plain_text",
    text: `${label}\n${text}`.slice(0, 2000),
    emoji: false,
  }));
  return {
    text: slackText(message.title),
    unfurl_links: false,
    blocks: [
      { type: "header", text: { type: "plain_text", text: message.title.slice(0, 150), emoji: false } },
      ...(fields.length === 0 ? [] : [{ type: "section", fields: fields.slice(0, 10) }]),
      ...(message.statement === null ? [] : [{
        type: "section",
        text: {
          type: "mrkdwn",
          text: `\`\`\`${slackText(unfenced(message.statement)).slice(0, 2900)}\`\`\``,
        },
      }]),
      {
        type: "actions",
        elements: [{
          type: "button",
          text: { type: "plain_text", text: "Open in Postern", emoji: false },
          url: message.link,
          ...(message.urgent ? { style: "primary" } : {}),
        }],
      },
    ],
  };
}

/** A code block cannot hold its own end. */
const unfenced = (text: string): string => text.replaceAll("```", "'''");

/** An Adaptive Card 1.4 in the envelope of Teams' workflows; texts of facts and runs are no markup there. */
export function teamsCard(message: Message): Json {
  const runs = (text: string, more: { readonly [key: string]: Json } = {}): Json => ({
    type: "RichTextBlock",
    inlines: [{ type: "TextRun", text, ...more }],
  });
  return {
    type: "message",
    attachments: [{
      contentType: "application/vnd.microsoft.card.adaptive",
      contentUrl: null,
      content: {
        $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
        type: "AdaptiveCard",
        version: "1.4",
        msteams: { width: "Full" },
        body: [
          runs(message.title, {
            weight: "bolder",
            size: "medium",
            ...(message.urgent ? { color: "attention" } : {}),
          }),
          {
            type: "FactSet",
            facts: message.facts.map(([title, value]): Json => ({ title, value: unmarked(value) })),
          },
          ...(message.statement === null ? [] : [runs(message.statement, { fontType: "monospace" })]),
        ],
        actions: [{ type: "Action.OpenUrl", title: "Open in Postern", url: message.link }],
      },
    }],
  };
}

/** Facts are read as Markdown: what would be markup is escaped. */
const unmarked = (text: string): string => text.replace(/[\\`*_{}[\]()#+!|<>~-]/g, "\\$&");

export interface Mail {
  readonly subject: string;
  readonly text: string;
}

export function mailOf(message: Message): Mail {
  const width = Math.max(0, ...message.facts.map(([label]) => label.length));
  return {
    subject: `[Postern] ${message.title}`,
    text: [
      message.title,
      "",
      ...message.facts.map(([label, text]) => `${`${label}:`.padEnd(width + 2)}${text}`),
      ...(message.statement === null ? [] : ["", message.statement]),
      "",
      `Look and act here: ${message.link}`,
      "",
    ].join("\n"),
  };
}

/** What a webhook gets: the message as it is, facts by name. */
export function webhookBody(message: Message): Json {
  const { id, topic, type, at, urgent, title, statement, link } = message;
  return {
    id,
    topic,
    type,
    timestamp: new Date(at).toISOString(),
    urgent,
    title,
    facts: Object.fromEntries(message.facts),
    ...(statement === null ? {} : { statement }),
    link,
  };
}
