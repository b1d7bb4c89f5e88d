/** `postern config reference` and `postern config schema`: the config described by its own schema. */
import type { z } from "zod";
import { configJsonSchema, configReference } from "../../policy/config_reference.ts";
import { type Commands, say } from "./run.ts";

export function configCommands(schema: z.ZodType): Commands {
  return {
    "config reference": {
      usage: "",
      about: "every key of the config: kind, bounds, default, meaning",
      options: {},
      operands: [0, 0],
      run: () => say(configReference(schema)),
    },
    "config schema": {
      usage: "",
      about: "the config's JSON Schema, for editors",
      options: {},
      operands: [0, 0],
      run: () => say(JSON.stringify(configJsonSchema(schema), null, 2)),
    },
  };
}
