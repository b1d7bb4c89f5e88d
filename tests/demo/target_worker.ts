/** The demo's target database: PGlite behind a PostgreSQL socket, in a Worker so that its start is nobody's wait. */
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { sampleData } from "./sample_data.ts";

interface Start {
  readonly folder: string;
  readonly port: number;
}

const scope = self as unknown as Worker;

scope.onmessage = async (message: MessageEvent<Start>) => {
  try {
    const database = await PGlite.create(message.data.folder);
    const { rows } = await database.query("SELECT to_regclass('public.customers') IS NOT NULL AS there");
    if (!(rows[0] as { there: boolean }).there) await database.exec(sampleData);
    const server = new PGLiteSocketServer({
      db: database,
      host: "127.0.0.1",
      port: message.data.port,
      maxConnections: 50,
    });
    await server.start();
    scope.postMessage({ ready: true });
  } catch (error) {
    scope.postMessage({ ready: false, error: String(error) });
  }
};
