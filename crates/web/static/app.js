// Small comforts. Every page works without this file; it only adds.
"use strict";

const all = (selector) => document.querySelectorAll(selector);

// What needs a script is hidden until there is one.
for (const element of all("[data-script], [data-copy], [data-reveal], [data-print]")) element.hidden = false;

// Copy buttons, with an announcement for who does not see the button change.
const announcement = document.createElement("p");
announcement.className = "unseen";
announcement.setAttribute("role", "status");
(document.querySelector("main") || document.body).append(announcement);

for (const button of all("[data-copy]")) {
  const label = button.textContent;
  let back;
  button.addEventListener("click", async () => {
    let told = "Copied";
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      told = "Select and copy it by hand";
    }
    button.textContent = told;
    announcement.textContent = told;
    clearTimeout(back);
    back = setTimeout(() => {
      button.textContent = label;
      announcement.textContent = "";
    }, 3000);
  });
}

for (const button of all("[data-print]")) button.addEventListener("click", () => print());

for (const input of all("[data-select]")) {
  input.addEventListener("focus", () => input.select());
  if (document.activeElement === input) input.select();
}

// Show and hide a password; it is hidden again before it is sent.
for (const button of all("[data-reveal]")) {
  const input = document.getElementById(button.dataset.reveal);
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  };
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
}

// The code form sends itself at the sixth digit: once, and only for what is typed here.
for (const input of all("[data-code]")) {
  const hint = document.getElementById("code-hint");
  input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") || ""} ${hint.id}`.trim());
  let sent = false;
  input.addEventListener("input", () => {
    if (sent || !/^\s*(\d\s*){6}$/.test(input.value)) return;
    sent = true;
    input.form.requestSubmit();
  });
  // A second press of the button while the first is under way would spend the code twice.
  let going = false;
  input.form.addEventListener("submit", (event) => {
    if (going) event.preventDefault();
    going = sent = true;
    setTimeout(() => (going = false), 5000);
  });
  // Back from the cache of the browser: a fresh start.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    input.value = "";
    sent = going = false;
  });
}

// A wait is counted down, in the words of the page, until trying again makes sense.
for (const span of all("[data-wait]")) {
  const end = Date.now() + Number(span.dataset.wait) * 1000;
  const count = (n, unit) => `${n} ${unit}${n === 1 ? "" : "s"}`;
  // It was announced once; each second would be too often.
  span.parentElement.removeAttribute("role");
  const tick = setInterval(() => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left <= 0) {
      clearInterval(tick);
      span.textContent = announcement.textContent = "You can try again now.";
      return;
    }
    const time = left <= 90 ? count(left, "second") : count(Math.ceil(left / 60), "minute");
    span.textContent = `Wait ${time}, then try again.`;
  }, 1000);
}

// Times in the reader's own zone, and "2 minutes ago" where that says more.
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const distance = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const units = [["day", 86400], ["hour", 3600], ["minute", 60]];

for (const time of all("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if (Number.isNaN(moment.getTime())) continue;
  const text = full.format(moment);
  time.title = text;
  time.textContent = text;
  if (!("ago" in time.dataset)) continue;
  const seconds = (moment - Date.now()) / 1000;
  if (Math.abs(seconds) > 30 * 86400) continue;
  const unit = units.find(([, size]) => Math.abs(seconds) >= size);
  time.textContent = unit ? distance.format(Math.trunc(seconds / unit[1]), unit[0]) : "just now";
}
