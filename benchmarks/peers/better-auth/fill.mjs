// Makes the tables and one user with a second factor through better-auth itself, then copies that
// user. Prints the key of all of them and the cookie of a session.
import { createOTP } from "@better-auth/utils/otp";
import { base32 } from "@better-auth/utils/base32";
import { getMigrations } from "better-auth/db/migration";
import { auth, database } from "./auth.mjs";

const [users, password] = [Number(process.argv[2]), process.argv[3]];
const { runMigrations } = await getMigrations(auth.options);
await runMigrations();

const cookies = (answer) =>
  new Headers({ cookie: answer.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ") });
const signedUp = await auth.api.signUpEmail({
  body: { name: "User 0", email: "user0@acme.example", password },
  asResponse: true,
});
let headers = cookies(signedUp);
const enabled = await auth.api.enableTwoFactor({ body: { password }, headers });
const key = new URL(enabled.totpURI).searchParams.get("secret");
const secret = new TextDecoder().decode(base32.decode(key));
const verified = await auth.api.verifyTOTP({
  body: { code: await createOTP(secret).totp() },
  headers,
  asResponse: true,
});
if (!verified.ok) throw new Error(`the first code was refused: ${await verified.text()}`);

const copy = (table, change) => {
  const row = database.prepare(`SELECT * FROM "${table}"`).get();
  const names = Object.keys(row);
  const places = names.map(() => "?").join(", ");
  const insert = database.prepare(
    `INSERT INTO "${table}" (${names.map((name) => `"${name}"`).join(", ")}) VALUES (${places})`,
  );
  for (let number = 1; number < users; number += 1) {
    const next = { ...row, ...change(number), id: `${table}${number}` };
    insert.run(names.map((name) => next[name]));
  }
};
database.transaction(() => {
  copy("user", (n) => ({ email: `user${n}@acme.example`, name: `User ${n}` }));
  copy("account", (n) => ({ userId: `user${n}`, accountId: `user${n}` }));
  copy("twoFactor", (n) => ({ userId: `user${n}` }));
})();
console.log(JSON.stringify({ key, cookie: cookies(verified).get("cookie") }));
