// better-auth as its documentation sets it up: e-mail and password, the two-factor plugin, SQLite.
// WAL and no rate limit are in its favour.
import Database from "better-sqlite3";
import { betterAuth } from "better-auth";
import { twoFactor } from "better-auth/plugins";

export const database = new Database(process.env.DATABASE);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = NORMAL");

export const auth = betterAuth({
  appName: "Acme",
  baseURL: process.env.BASE_URL,
  secret: "only-for-measuring-0123456789abcdef",
  database,
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [twoFactor()],
});
