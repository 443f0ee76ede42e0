"use strict";

const AT_ONCE = 200;
const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
let shown = AT_ONCE;
let found = data.rows;

function matches([seq, , kind, guid, text, at], words, chosen) {
  if (chosen !== "" && kind !== Number(chosen)) return false;
  const whole = `${data.kinds[kind]} #${guid} ${text} ${at} ${seq}`.toLowerCase();
  return words.every((word) => whole.includes(word));
}

function cell(row, text, className) {
  const made = row.insertCell();
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function line([seq, seconds, kind, guid, text, at, cause]) {
  const row = document.createElement("tr");
  row.id = `event-${seq}`;
  cell(row, seq, "number");
  cell(row, `${seconds.toFixed(3)} s`, "number");
  cell(row, data.kinds[kind]);
  cell(row, text);
  const from = cell(row, at);
  if (cause) {
    const link = from.appendChild(document.createElement("a"));
    link.textContent = `← ${cause}`;
    link.href = `#event-${cause}`;
    link.addEventListener("click", (event) => { event.preventDefault(); goTo(cause); });
  }
  return row;
}

function draw() {
  byId("list").replaceChildren(...found.slice(0, shown).map(line));
  byId("count").textContent = `${found.length} of ${data.rows.length}`;
  byId("more").hidden = shown >= found.length;
}

function filter() {
  const words = byId("words").value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = byId("kind").value;
  found = data.rows.filter((row) => matches(row, words, chosen));
  shown = AT_ONCE;
  draw();
}

function goTo(seq) {
  if (!found.some((row) => row[0] === seq)) {
    byId("words").value = byId("kind").value = "";
    filter();
  }
  const place = found.findIndex((row) => row[0] === seq);
  if (place < 0) return;
  if (place >= shown) {
    shown = place + AT_ONCE;
    draw();
  }
  document.querySelectorAll("tr.found").forEach((row) => row.classList.remove("found"));
  const row = byId(`event-${seq}`);
  row.classList.add("found");
  row.scrollIntoView({ block: "center" });
}

data.kinds.forEach((kind, number) => byId("kind").add(new Option(kind, number)));
byId("words").addEventListener("input", filter);
byId("kind").addEventListener("change", filter);
byId("more").addEventListener("click", () => { shown += AT_ONCE; draw(); });

for (const input of document.querySelectorAll("[data-filter]")) {
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of document.querySelectorAll(input.dataset.filter)) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
}

// On paper nothing can be opened.
window.addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details")) each.open = true;
});

draw();
