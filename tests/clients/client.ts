// A TypeScript client that uses the types of the OpenAPI document; test_node.py checks its types and runs it.
import createClient from "openapi-fetch";
import type { components, paths } from "./goatfish.js";

declare const process: { argv: string[] };

type Stale = paths["/api/simulations/{id}"]["put"]["responses"][412]["content"]["application/problem+json"];
type Simulation = components["schemas"]["SimulationOut"];

const [, , baseUrl = "", key = ""] = process.argv;
const client = createClient<paths>({ baseUrl, headers: { "X-API-Key": key } });

function equal<T>(actual: T, expected: T): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a value is missing");
  return value;
}

const dates = { start_date: "2026-06-01", end_date: "2026-09-30" };
const names = ["one", "two", "three"].map((name) => `TypeScript ${name}`);
const simulations: Simulation[] = [];
for (const name of names) {
  const created = await client.POST("/api/simulations", {
    params: { header: { "Idempotency-Key": `typescript-${name.replace(" ", "-")}` } },
    body: { name, ...dates },
  });
  equal(created.response.status, 201);
  simulations.push(required(created.data));
}

const listed: string[] = [];
let cursor: string | undefined;
do {
  const page = await client.GET("/api/simulations", {
    params: { query: { q: "typescript", sort: "created_at", limit: 2, ...(cursor && { cursor }) } },
  });
  const { items, next_cursor } = required(page.data);
  listed.push(...items.map((item) => item.name));
  cursor = next_cursor ?? undefined;
} while (cursor);
equal(listed, names);

const id = required(simulations[0]).id;
const got = await client.GET("/api/simulations/{id}", { params: { path: { id } } });
equal(got.data, simulations[0]);
const tag = required(got.response.headers.get("ETag") ?? undefined);

const params = { path: { id }, header: { "If-Match": tag } };
const renamed = await client.PATCH("/api/simulations/{id}", { params, body: { name: "Renamed" } });
equal(renamed.data?.name, "Renamed");
const replaced = await client.PUT("/api/simulations/{id}", { params, body: { name: "Stale", ...dates } });
const problem: Stale & components["schemas"]["Problem"] = required(replaced.error);
equal([replaced.response.status, problem.status, problem.type], [412, 412, "/problems/precondition-failed"]);

const deleted = await client.DELETE("/api/simulations/{id}", { params: { path: { id } } });
equal(deleted.data, renamed.data);
const missing = await client.GET("/api/simulations/{id}", { params: { path: { id } } });
equal([missing.response.status, required(missing.error).status], [404, 404]);
