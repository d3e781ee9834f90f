"use strict";
// The pages work without this. With it, the live part follows what happens, and acts stay on their page.
const live = document.getElementById("live");
const said = document.getElementById("said");

// Changes only what differs: focus, selection, and what is open stay.
function change(old, next) {
  if (old.nodeName !== next.nodeName) return old.replaceWith(next);
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (name !== "open" && !next.hasAttribute(name)) old.removeAttribute(name);
  const before = [...old.childNodes];
  const after = [...next.childNodes];
  after.forEach((child, index) => (before[index] ? change(before[index], child) : old.append(child)));
  for (const child of before.slice(after.length)) child.remove();
}

function replace(html) {
  const status = () => live.querySelector("[data-status]")?.dataset.status;
  const before = status();
  const next = live.cloneNode(false);
  next.innerHTML = html;
  change(live, next);
  const after = status();
  if (before && after && before !== after) said.textContent = "Its status is " + after + " now.";
  // What has ended cannot be stopped any more.
  if (after === "succeed" || after === "failed") document.querySelector("section.stop")?.remove();
}

if (live && live.dataset.from) {
  const source = new EventSource(live.dataset.from);
  source.onmessage = (event) => replace(JSON.parse(event.data));
  addEventListener("pagehide", () => source.close());
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-stay]")) return;
  event.preventDefault();
  said.textContent = "Sent.";
  try {
    const response = await fetch(form.action, {
      method: "POST",
      headers: { "x-stay": "1" },
      body: new URLSearchParams(new FormData(form)),
    });
    said.textContent = response.headers.get("x-said") ? await response.text() : "It did not work: load the page again.";
  } catch {
    said.textContent = "The coordinator does not answer.";
  }
});
