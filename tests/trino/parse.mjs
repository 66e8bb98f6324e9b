// Reads a JSON array of statements on stdin; writes, for each, what Trino's grammar finds wrong with it.
import { register } from "node:module";
import { readFileSync } from "node:fs";

// the package imports folders and files without their ending, as bundlers allow and node does not
const hooks = `
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
export function resolve(name, context, next) {
  if (name.startsWith(".") && !name.endsWith(".js") && !name.endsWith(".mjs")) {
    const url = new URL(name, context.parentURL).href;
    for (const end of [".js", "/index.js"]) if (existsSync(fileURLToPath(url + end))) return next(url + end, context);
  }
  return next(name, context);
}`;
register("data:text/javascript," + encodeURIComponent(hooks));

const { TrinoSQL } = await import("dt-sql-parser");
const parser = new TrinoSQL();
const statements = JSON.parse(readFileSync(0, "utf8"));
const found = statements.map((sql) => parser.validate(sql).map((error) => error.message));
process.stdout.write(JSON.stringify(found));
