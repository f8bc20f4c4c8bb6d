// Signs in as one user after the other from CLIENTS connections, by two requests each, and prints
// how long that took. The connections are autocannon's. The plan comes on stdin:
//
//   { url, clients, seconds, first, second, users }
//
// A request is { path, headers, body, status, location } with {email}, {code} and {browser} in it;
// status and location are what a good answer has. A user is { email, step, codes, cookies, headers }:
// codes[0] is for that time step, the others for the next ones.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const autocannon = createRequire(process.argv[2])("autocannon");
const plan = JSON.parse(readFileSync(0, "utf8"));
const now = () => Number(process.hrtime.bigint()) / 1e6;

const underway = new Set();
const done = [];
const failures = {};
let used = 0;

function request(template, user, cookies) {
  const step = Math.floor(Date.now() / 30_000);
  const fill = (text) =>
    text.replace("{email}", user.email).replace("{code}", user.codes[step - user.step]);
  const headers = { ...template.headers, ...user.headers };
  const jar = Object.entries(cookies).map(([name, value]) => `${name}=${value}`);
  if (jar.length > 0) headers.Cookie = jar.join("; ");
  return { method: "POST", path: template.path, headers, body: fill(template.body) };
}

function keep(cookies, headers) {
  const name = Object.keys(headers).find((header) => header.toLowerCase() === "set-cookie");
  for (const line of [headers[name] ?? []].flat()) {
    const [pair] = line.split(";");
    const at = pair.indexOf("=");
    cookies[pair.slice(0, at)] = pair.slice(at + 1);
  }
}

function fault(template, which, status, headers) {
  const name = Object.keys(headers).find((header) => header.toLowerCase() === "location");
  const location = headers[name] ?? "";
  if (status === template.status && location === (template.location ?? "")) return null;
  return `${which}: ${status} ${location}`;
}

const first = {
  setupRequest(request_, context) {
    const user = plan.users[used++ % plan.users.length];
    Object.assign(context, { user, cookies: { ...user.cookies }, from: now() });
    underway.add(context);
    return { ...request_, ...request(plan.first, user, context.cookies) };
  },
  onResponse(status, body, context, headers) {
    context.between = now();
    context.fault = fault(plan.first, "first", status, headers);
    keep(context.cookies, headers);
  },
};
const second = {
  setupRequest(request_, context) {
    return { ...request_, ...request(plan.second, context.user, context.cookies) };
  },
  onResponse(status, body, context, headers) {
    const { from, between } = context;
    underway.delete(context);
    const wrong = context.fault ?? fault(plan.second, "second", status, headers);
    if (wrong) failures[wrong] = (failures[wrong] ?? 0) + 1;
    else done.push({ from, between, to: now() });
  },
};
// So long as was asked for; longer where not even two of each connection are done by then.
const began = now();
const run = autocannon({
  url: plan.url,
  connections: plan.clients,
  duration: 20 * plan.seconds,
  requests: [first, second],
});
const watch = setInterval(() => {
  if (now() - began >= 1000 * plan.seconds && done.length >= 2 * plan.clients) run.stop();
}, 10);
const seen = await run;
clearInterval(watch);

// From when each connection has finished one sign-in until the first that was cut off began. One
// that is in the window in part counts in part.
done.sort((a, b) => a.to - b.to);
const begin = done[plan.clients - 1]?.to ?? 0;
const end = Math.min(...[...underway].map(({ from }) => from), done.at(-1)?.to ?? 0);
const inside = ({ from, to }) =>
  Math.max(0, Math.min(to, end) - Math.max(from, begin)) / (to - from);
// The first of each connection has to connect.
const warm = done.slice(plan.clients);
// On a machine that is too slow for that, what was done in all.
const [counted, took] =
  end > begin ? [done.reduce((sum, one) => sum + inside(one), 0), end - begin] : [done.length, now() - began];
const part = (share, of) => {
  const sorted = warm.map(of).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
};
const total = ({ from, to }) => to - from;
console.log(
  JSON.stringify({
    rate: (1000 * counted) / took,
    p50: part(0.5, total),
    p99: part(0.99, total),
    password_p50: part(0.5, ({ from, between }) => between - from),
    code_p50: part(0.5, ({ between, to }) => to - between),
    count: warm.length,
    used,
    failures,
    errors: seen.errors + seen.timeouts,
  }),
);
