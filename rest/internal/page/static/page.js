// Keys, drafts, times, themes and the live log. Each view works without them.
"use strict";
const { later } = document.currentScript.dataset;
const root = document.documentElement;
root.classList.add("js");
const $ = (selector) => document.querySelector(selector);
const stored = (name) => { try { return localStorage.getItem("tandem-" + name); } catch { return null; } };
const store = (name, value) => { try { localStorage.setItem("tandem-" + name, value); } catch { /* private window */ } };

// The theme follows the system until somebody chooses.
if (stored("theme")) root.dataset.theme = stored("theme");
$("#theme")?.addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  store("theme", root.dataset.theme);
});

$("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); // on a narrow screen

// Times are relative; the title has the absolute one.
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const showTimes = () => {
  for (const time of document.querySelectorAll("time[datetime]")) {
    let value = (new Date(time.dateTime) - Date.now()) / 1000;
    for (const [unit, length] of [["second", 60], ["minute", 60], ["hour", 24], ["day", Infinity]]) {
      if (Math.abs(value) < length) { time.textContent = relative.format(Math.round(value), unit); break; }
      value /= length;
    }
  }
};
showTimes();
setInterval(showTimes, 30000);

// Rates: what a count has grown by since it was shown last.
const counts = new Map();
const showRates = () => {
  const now = performance.now();
  for (const shown of document.querySelectorAll("[data-rate]")) {
    const value = Number(shown.dataset.count), before = counts.get(shown.dataset.rate);
    counts.set(shown.dataset.rate, { value, now });
    const rate = before && now > before.now ? (value - before.value) * 1000 / (now - before.now) : 0;
    if (rate > 0) shown.append(" · " + (rate < 10 ? rate.toFixed(1) : Math.round(rate)) + "/s");
  }
};
showRates();

// A server that goes away is said once, and looked for.
let lastSeen = new Date();
const away = (is) => {
  if (!is) { lastSeen = new Date(); $("#away").hidden = true; return; }
  $("#away").textContent = "Not connected: this is as of " + lastSeen.toLocaleTimeString();
  $("#away").hidden = false;
};
document.addEventListener("htmx:after:request", () => away(false));
document.addEventListener("htmx:after:swap", () => { showTimes(); showRates(); });
document.addEventListener("htmx:after:swap", () => $("#test > *")?.scrollIntoView({ block: "nearest" }));
document.addEventListener("htmx:error", () => away(true));
document.addEventListener("htmx:before:request", (event) => { if (document.hidden) event.preventDefault(); }); // nobody looks

// Questions before what cannot be undone.
document.addEventListener("click", (event) => {
  const asks = event.target.closest?.("[data-confirm]");
  if (asks && !confirm(asks.dataset.confirm)) event.preventDefault();
});

// The editor: checks JSON while one types, keeps a draft until it is saved, and warns before leaving.
const editor = $("#editor");
const text = editor?.querySelector("textarea[name=text]");
const key = editor?.dataset.key && "draft-" + editor.dataset.key;
const drop = (name) => sessionStorage.removeItem(name);
let unsaved = false, present = false;
if (text) {
  const name = "drafts" in editor.dataset && key;
  if ("saved" in editor.dataset) { drop(key); drop(key.slice(0, key.indexOf("/") + 1)); } // which may have been a new one
  const draft = name && sessionStorage.getItem(name);
  if (draft && draft !== text.value && confirm("There is an unsaved draft of this document. Take it?")) { text.value = draft; unsaved = true; }
  text.addEventListener("input", () => {
    unsaved = true;
    if (name) sessionStorage.setItem(name, text.value);
    const error = $("#json-error");
    if (!error) return;
    try { JSON.parse(text.value); error.textContent = ""; } catch (e) { error.textContent = e.message; }
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey) return;
    const line = text.value.slice(0, text.selectionStart).split("\n").pop();
    const indent = line.match(/^\s*/)[0] + (/[{[]\s*$/.test(line) ? "  " : "");
    event.preventDefault();
    text.setRangeText("\n" + indent, text.selectionStart, text.selectionEnd, "end");
    text.dispatchEvent(new Event("input"));
  });
  editor.addEventListener("submit", (event) => {
    if (present) { // the server has answered just now
      unsaved = present = false;
      if (key && event.submitter?.value === "delete") drop(key);
      return;
    }
    event.preventDefault(); // a page that cannot be reached would take the place of the text
    const button = event.submitter;
    fetch("/_ping", { cache: "no-store" }).then(() => { present = true; away(false); editor.requestSubmit(button); },
      () => { away(true); $("#away").textContent = "The server does not answer. Nothing is lost: try again when it is back."; });
  });
  $("[data-drop]")?.addEventListener("click", () => { unsaved = false; drop(key); });
  addEventListener("beforeunload", (event) => { if (unsaved && key) event.preventDefault(); });
}
// A choice shows in the result at once.
editor?.addEventListener("change", (event) => {
  if (event.target.name?.startsWith("pick.")) editor.requestSubmit(editor.querySelector("button[value=choose]"));
});

// Queries that were run here, the latest first; they stay in this browser.
const earlier = $("#history");
if (earlier) {
  const kept = JSON.parse(stored("queries") || "[]"), ran = text.defaultValue, most = 50;
  const list = $("#ran") ? [ran, ...kept.filter((query) => query !== ran)].slice(0, most) : kept;
  if ($("#ran")) store("queries", JSON.stringify(list));
  const select = earlier.querySelector("select");
  select.append(new Option("choose…", ""), ...list.map((query) => new Option(query.replace(/\s+/g, " ").slice(0, 80), query)));
  select.addEventListener("change", () => { if (select.value) { text.value = select.value; text.focus(); } });
  earlier.hidden = !list.length;
}

// The log, live: records come above the others.
const log = $("#log");
if (log) {
  const rows = 500;
  let paused = false, source;
  let last = { at: log.rows.length ? Date.parse(log.rows[0].cells[0].firstChild.dateTime) : 0, id: Infinity };
  const cell = (row, content) => { row.insertCell().append(content); };
  const matches = (row) => { row.hidden = !row.textContent.toLowerCase().includes($("#log-search").value.toLowerCase()); };
  const add = (event) => {
    const record = JSON.parse(event.data), at = Date.parse(record.time), id = Number(event.lastEventId);
    if (paused || at < last.at || (at === last.at && id <= last.id)) return; // each connection begins with the kept ones
    last = { at, id };
    const row = log.insertRow(0);
    row.className = record.level;
    const time = document.createElement("time");
    time.dateTime = record.time; time.title = record.time; time.textContent = "now";
    const details = document.createElement("small");
    details.textContent = Object.entries(record.attrs ?? {}).map(([key, value]) => key + "=" + (typeof value === "object" ? JSON.stringify(value) : value)).join(" ");
    cell(row, time); cell(row, record.level); cell(row, record.msg + " "); row.cells[2].append(details);
    matches(row);
    while (log.rows.length > rows) log.deleteRow(-1);
  };
  const listen = () => { // in the tab that is looked at: a browser has six connections for all of them
    source?.close();
    if (document.hidden) return;
    source = new EventSource(log.dataset.live);
    source.addEventListener("log", add);
    source.addEventListener("open", () => away(false));
    source.addEventListener("error", () => away(true));
  };
  document.addEventListener("visibilitychange", listen);
  listen();
  $("#log-search").addEventListener("input", () => [...log.rows].forEach(matches));
  $("#log-pause").addEventListener("click", (event) => {
    paused = !paused;
    event.target.setAttribute("aria-pressed", paused);
    event.target.textContent = paused ? "Go on" : "Pause";
  });
}

// Keys.
const typing = (element) => element.closest?.("input:not([type=radio]):not([type=checkbox]), textarea, select");
const keysOn = () => stored("keys") !== "off";
const help = () => { $("#keys-on").checked = keysOn(); $("#keys").showModal(); };
$("#help")?.addEventListener("click", help);
$("#keys-on").addEventListener("change", (event) => store("keys", event.target.checked ? "on" : "off"));
const choose = (step) => {
  const all = [...document.querySelectorAll("table.list tbody tr")];
  if (!all.length) return;
  const at = all.findIndex((row) => row.classList.contains("chosen"));
  all[at]?.classList.remove("chosen");
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  next.classList.add("chosen");
  next.querySelector("a").focus();
};
let going = false;
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "s" && editor) { event.preventDefault(); editor.requestSubmit(editor.querySelector("button[value=save]")); return; }
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && editor) { editor.requestSubmit(editor.querySelector("button[value=save]")); return; }
  if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !keysOn() || $("dialog[open]")) return;
  const was = going;
  going = false;
  if (was) { document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`)?.click(); return; }
  switch (event.key) {
    case "g": going = true; return;
    case "/": $("input[type=search]")?.focus(); break;
    case "j": choose(1); break;
    case "k": choose(-1); break;
    case "e": text?.focus(); break;
    case "[": $("a[rel=prev]")?.click(); break;
    case "]": $("a[rel=next]")?.click(); break;
    case "?": help(); break;
    default: return;
  }
  event.preventDefault();
});

// htmx comes behind the first paint, which it would hold up. What was searched for meanwhile counts.
const enliven = () => {
  const script = document.createElement("script");
  script.src = later;
  script.addEventListener("load", () => setTimeout(() => {
    const search = $("input[type=search]");
    if (search && search.value !== search.defaultValue) search.dispatchEvent(new Event("input", { bubbles: true }));
  }));
  document.head.append(script);
};
requestAnimationFrame(() => setTimeout(enliven));
